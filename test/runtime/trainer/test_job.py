"""Whole runs inside this process: result and manifest by their contracts, the same spec twice, bad training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import numpy as np
import pytest
from limbeck_trainer import int8_weights, served_weights
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.onnx_model import OnnxModel
from limbeck_trainer.result import LIMIT_BYTES, encode
from support import Document, attempt, config_document, contract, digits_file, distilling, run_here
from tokenizers import Tokenizer


def folder_of(result: Document) -> Path:
    return Path(urlsplit(result["artefact"]["uri"]).path)


def test_result_manifest_and_report_agree(store: str) -> None:
    result = run_here(config_document(store))
    jsonschema.validate(result, contract("trainer-result"))
    folder = folder_of(result)
    assert folder.parent.name == result["artefact"]["sha256"]
    assert (folder / "model.onnx").stat().st_size == result["artefact"]["sizeBytes"]
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    jsonschema.validate(json.loads((folder / "report.json").read_text()), contract("model-report"))
    for key in ("sha256", "sizeBytes", "inputs", "outputs"):
        assert manifest[key] == result["artefact"][key]
    assert manifest["labels"] == list("0123456789")
    report = json.loads((folder / "report.json").read_text())
    confusion = np.array(report["confusion"])
    assert confusion.sum() == result["metrics"]["n"] == 359
    assert np.trace(confusion) / 359 == pytest.approx(result["metrics"]["accuracy"]["value"], abs=1e-6)
    assert len(report["classes"]) == 10
    assert [point["step"] for point in report["history"]] == [20, 40, 60, 80]


def test_gates_on_classes_are_answered_in_their_order(store: str) -> None:
    wanted = [{"metric": "recall"}, {"metric": "f1", "class": "3"}, {"metric": "precision", "class": "8.0"}]
    result = run_here(config_document(store, evaluation={"classMetrics": wanted}))
    jsonschema.validate(result, contract("trainer-result"))
    classes = {row["label"]: row for row in json.loads((folder_of(result) / "report.json").read_text())["classes"]}
    worst, third, eighth = result["classMetrics"]
    assert worst["value"] == min(row["recall"]["value"] for row in classes.values())
    assert worst["value"] == classes[worst["class"]]["recall"]["value"]
    assert third == {"class": "3", "n": classes["3"]["samples"], **classes["3"]["f1"]}
    assert eighth == {"class": "8", "n": classes["8"]["samples"], **classes["8"]["precision"]}


def test_a_gate_on_a_class_that_does_not_exist_ends_the_run_before_it_trains(store: str) -> None:
    wanted = {"classMetrics": [{"metric": "recall", "class": "eight"}]}
    lines: list[str] = []
    with pytest.raises(TrainerError, match="recall of class 'eight'; the data has the classes 0, 1, 2") as caught:
        run_here(config_document(store, evaluation=wanted), lines.append)
    assert caught.value.reason is Reason.DATA_INVALID
    assert not any("epoch trained" in line for line in lines)


def test_the_largest_result_fits_the_termination_message(store: str, teacher: Document) -> None:
    wanted = [{"metric": metric} for metric in ("precision", "recall", "f1")]
    wanted += [{"metric": "recall", "class": str(digit)} for digit in range(10)]
    wanted += [{"metric": "f1", "class": str(digit)} for digit in range(3)]
    document = config_document(store, evaluation={"classMetrics": wanted}, optimization={"epochs": 1})
    encoded = encode(run_here(distilling(document, teacher)))
    # Where temporary files lie says nothing; what is left is for longer names of buckets, models and classes.
    assert store.encode() in encoded
    assert len(encoded.replace(store.encode(), b"s3://limbeck")) <= LIMIT_BYTES * 3 // 4


def test_the_same_spec_gives_the_same_model(tmp_path: Path) -> None:
    first, second = (run_here(config_document((tmp_path / name).as_uri())) for name in "ab")
    assert first["artefact"]["sha256"] == second["artefact"]["sha256"]
    assert first["metrics"] == second["metrics"]
    other = run_here(config_document((tmp_path / "c").as_uri(), optimization={"seed": 2}))
    assert other["artefact"]["sha256"] != first["artefact"]["sha256"]


def test_a_finished_training_is_resumed_at_its_end(store: str) -> None:
    document = config_document(store)
    first = run_here(document)
    second = run_here(attempt(document, 2))
    assert second["resumedFromStep"] == second["steps"] == 80
    assert second["artefact"] == first["artefact"]


def learning(store: str, folder: Path, stream: bool = False) -> Document:
    """A short run on the samples of a file, or of the folder that it lies in."""
    uri = digits_file(folder)
    source = {"kind": "s3", "uri": f"{folder.as_uri()}/" if stream else uri}
    data = {"source": source, "split": {"validation": 0, "test": 0.25, "seed": 0}}
    changes = {"data": {**data, "stream": {"window": 1}} if stream else data, "optimization": {"epochs": 1}}
    return config_document(store, model={"kind": "linear"}, **changes)


def reordered(folder: Path) -> None:
    arrays = np.load(folder / "data.npz")
    digits_file(folder, x=arrays["x"][::-1], y=arrays["y"][::-1])


def with_a_fifth_class(folder: Path) -> None:
    digits_file(folder, y=np.arange(200) % 5)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("change", [reordered, with_a_fifth_class])
def test_a_run_does_not_go_on_with_other_data(
    store: str, tmp_path: Path, change: Callable[[Path], None], stream: bool
) -> None:
    (tmp_path / "data").mkdir()
    document = learning(store, tmp_path / "data", stream)
    before = run_here(document)["lineage"]["dataSha256"]
    change(tmp_path / "data")
    now = run_here({**document, "store": config_document(f"{store}/new")["store"]})["lineage"]["dataSha256"]
    with pytest.raises(TrainerError) as caught:
        run_here(attempt(document, 2))
    assert caught.value.reason is Reason.DATA_INVALID
    assert f"has the sha256 {now}, and the checkpoint of step 3 was trained on {before}" in caught.value.message


def test_a_checkpoint_of_an_older_trainer_is_resumed_unless_its_model_has_another_shape(
    store: str, tmp_path: Path
) -> None:
    document = learning(store, tmp_path)
    run_here(document)
    (pointer,) = Path(document["store"]["runUri"].removeprefix("file://")).rglob("step-*.json")
    told = json.loads(pointer.read_text())
    pointer.write_text(json.dumps({key: value for key, value in told.items() if key != "dataSha256"}))
    reordered(tmp_path)
    assert run_here(attempt(document, 2))["resumedFromStep"] == 3
    with_a_fifth_class(tmp_path)
    words = r"of step 3 has another shape: .* is \[4, 6\], and now \[5, 6\]\. .* make a new job"
    with pytest.raises(TrainerError, match=words) as caught:
        run_here(attempt(document, 3))
    assert caught.value.reason is Reason.DATA_INVALID


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "oneCycle"])
def test_every_optimiser_learns_a_table(store: str, tmp_path: Path, optimizer: str, schedule: str) -> None:
    data = {
        "source": {"kind": "s3", "uri": digits_file(tmp_path)},
        "split": {"validation": 0, "test": 0.25, "seed": 0},
    }
    optimization = {"optimizer": optimizer, "schedule": schedule, "learningRate": 0.05, "epochs": 20, "batchSize": 16}
    result = run_here(config_document(store, data=data, optimization=optimization))
    assert result["artefact"]["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 6]}]
    assert result["metrics"]["accuracy"]["value"] >= 0.8


def test_a_loss_that_is_not_finite_stops_the_training(store: str) -> None:
    optimization = {"optimizer": "sgd", "schedule": "constant", "learningRate": 1e30}
    with pytest.raises(TrainerError, match=r"The loss became (nan|inf) at step \d+ of 80") as caught:
        run_here(config_document(store, optimization=optimization))
    assert caught.value.reason is Reason.NON_FINITE_LOSS
    assert caught.value.step is not None
    assert 1 < caught.value.step <= 10


def test_what_a_killed_attempt_was_writing_is_removed_before_anything_is_trained(store: str) -> None:
    document = config_document(store, optimization={"optimizer": "sgd", "schedule": "constant", "learningRate": 1e30})
    left = Path(document["store"]["runUri"].removeprefix("file://")) / "a1" / ".step-00000010.pt.7"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"killed half way")
    with pytest.raises(TrainerError, match="The loss became"):
        run_here(document)
    assert not left.exists()


def test_a_language_model_is_trained_measured_and_exported_with_its_tokenizer(store: str, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text(f"{number} is followed by {number + 1}. " * 3)
    data = {
        "source": {"kind": "pvc", "claim": "c", "path": str(tmp_path)},
        "format": "text",
        "split": {"validation": 0.2, "test": 0.2, "seed": 1},
    }
    model = {"kind": "transformer", "layers": 1, "heads": 2, "width": 32, "contextLength": 32}
    optimization = {"epochs": 6, "batchSize": 16, "earlyStopping": {"patience": 5}}
    document = config_document(store, task="causalLM", model=model, data=data, optimization=optimization)
    result = run_here(document)
    jsonschema.validate(result, contract("trainer-result"))
    perplexity = result["metrics"]["perplexity"]
    # Of 257 tokens, each as likely as any other before the training.
    assert 1 < perplexity["low"] <= perplexity["value"] <= perplexity["high"] < 20
    folder = folder_of(result)
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    assert (manifest["task"], manifest["decoder"]["contract"], len(manifest["inputs"])) == ("causalLM", "split-v1", 6)
    assert {"tokenizer.json", "tokenizer_config.json", "model.onnx"} <= {path.name for path in folder.iterdir()}
    report = json.loads((folder / "report.json").read_text())
    jsonschema.validate(report, contract("model-report"))
    assert report["weights"] == manifest["weights"] == {"kind": "float32", "reason": "int8 gains nothing below 4 MiB"}
    assert report["history"][-1]["validationPerplexity"] < report["history"][0]["validationPerplexity"]
    assert "Perplexity of a token" in (folder / "report.html").read_text()
    assert (
        run_here({**document, "store": {**document["store"], "runUri": f"{store}/again"}})["metrics"]
        == result["metrics"]
    )


def test_a_language_model_that_is_served_in_int8_is_judged_as_it_is_served(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gates are held against the figures of the result."""
    monkeypatch.setattr(int8_weights, "WEIGHT_LIMIT", 2)
    monkeypatch.setattr(served_weights, "MOST_RISE", 100.0)
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"text": f"{n} comes before {n + 1}. "}) for n in range(60)))
    source = {"kind": "pvc", "claim": "c", "path": str(tmp_path / "t.jsonl")}
    data = {"source": source, "split": {"validation": 0.1, "test": 0.2, "seed": 1}}
    model = {"kind": "transformer", "layers": 1, "heads": 2, "width": 128, "contextLength": 16, "weights": "int8"}
    optimization = {"epochs": 2, "batchSize": 16}
    result = run_here(config_document(store, task="causalLM", model=model, data=data, optimization=optimization))
    jsonschema.validate(result, contract("trainer-result"))
    manifest, report = (json.loads((folder_of(result) / f"{name}.json").read_text()) for name in ("manifest", "report"))
    jsonschema.validate(manifest, contract("model-manifest"))
    jsonschema.validate(report, contract("model-report"))
    assert result["metrics"] == manifest["metrics"] == report["metrics"]
    weights = manifest["weights"]
    assert (weights["kind"], report["weights"]) == ("int8", weights)
    assert abs(weights["lossRise"]) > 0.001
    served = weights["trainedPerplexity"]["value"] * np.exp(weights["lossRise"])
    assert result["metrics"]["perplexity"]["value"] == pytest.approx(served, rel=1e-4)
    page = (folder_of(result) / "report.html").read_text()
    assert "Served in int8" in page and "Its export in float32 equal to the trained model" in page


def test_lineage_has_every_hyper_parameter_and_their_digest(store: str) -> None:
    document = config_document(store, optimization={"epochs": 1})
    result = run_here(document)
    lineage = json.loads((folder_of(result) / "manifest.json").read_text())["lineage"]
    text = json.dumps(lineage["config"], sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == lineage["configSha256"] == result["lineage"]["configSha256"]
    assert lineage["config"]["model"] == {"kind": "mlp", "hidden": [16]}
    assert (lineage["config"]["optimization"]["epochs"], lineage["config"]["data"]["split_seed"]) == (1, 7)
    other = run_here(config_document(f"{store}/other", optimization={"epochs": 1, "weightDecay": 0.1}))
    assert other["lineage"]["configSha256"] != lineage["configSha256"]


def test_a_classifier_of_texts_is_exported_with_its_tokenizer(store: str, tmp_path: Path) -> None:
    rows = [{"text": f"{word} number {number}", "target": word} for number in range(40) for word in ("red", "blue")]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {
        "source": {"kind": "pvc", "claim": "c", "path": str(tmp_path / "t.jsonl")},
        "split": {"validation": 0.1, "test": 0.2, "seed": 1},
    }
    model = {"kind": "transformer", "layers": 1, "heads": 2, "width": 16, "contextLength": 24}
    result = run_here(config_document(store, model=model, data=data, optimization={"epochs": 6, "batchSize": 8}))
    assert result["metrics"]["accuracy"]["value"] >= 0.9
    assert result["artefact"]["inputs"] == [{"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]}]
    folder = folder_of(result)
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    assert manifest["preprocessing"]["kind"] == "text"
    assert manifest["baseline"] == [manifest["preprocessing"]["padding"]]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model_file = OnnxModel((folder / "model.onnx").read_bytes(), 1)
    for label, text in enumerate(("blue number 3", "red")):
        answer = model_file.run(np.array([tokenizer.encode(text).ids]))
        assert answer.argmax() == label


def test_early_stopping_needs_something_to_validate_on(store: str) -> None:
    """Of 180 samples of each class less than half a one is none."""
    data = {"source": {"kind": "builtin", "name": "digits"}, "split": {"validation": 0.002, "test": 0.2, "seed": 7}}
    document = config_document(store, data=data, optimization={"earlyStopping": {"patience": 2}})
    with pytest.raises(TrainerError, match="leaves no sample for validation, which") as caught:
        run_here(document)
    assert caught.value.reason is Reason.DATA_INVALID
    del document["optimization"]["earlyStopping"]
    assert run_here(document)["outcome"] == "succeeded"
