"""Pretrained models through whole runs: they learn, are exported as a server takes them, and bad ones end early."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import numpy as np
import pytest
import tiny_models
from limbeck_trainer.decoder_export import Stepper
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.export import Artefact
from limbeck_trainer.onnx_model import OnnxModel
from support import Document, attempt, config_document, contract, run_here
from tokenizers import Tokenizer
from workers import start_workers


def tuning(store: str, folder: Path, task: str, epochs: int = 10) -> Document:
    """Texts with a class each, or for a decoder the same texts alone."""
    rows = [{"text": text, "target": text.split()[1]} for text in tiny_models.TEXTS]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {
        "source": {"kind": "pvc", "claim": "c", "path": str(folder / "t.jsonl")},
        "split": {"validation": 0.1, "test": 0.2, "seed": 1},
    }
    model = {
        "kind": "pretrained",
        "source": {"kind": "s3", "uri": (folder / "model").as_uri()},
        "contextLength": 16,
    }
    optimization = {"epochs": epochs, "batchSize": 8, "learningRate": 0.004, "clipNorm": 1}
    return config_document(store, task=task, model=model, data=data, optimization=optimization)


def artefact_of(result: Document) -> Path:
    return Path(urlsplit(result["artefact"]["uri"]).path)


def says(lines: list[str], message: str) -> Document:
    """The only line of the log with this sentence."""
    (found,) = (line for line in map(json.loads, lines) if line["message"] == message)
    return dict(found)


def test_an_encoder_learns_classes_and_is_served_like_one_of_ours(store: str, tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path / "model")
    lines: list[str] = []
    result = run_here(tuning(store, tmp_path, "classification", epochs=20), lines.append)
    jsonschema.validate(result, contract("trainer-result"))
    assert result["metrics"]["accuracy"]["value"] >= 0.9
    assert result["artefact"]["inputs"] == [{"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]}]
    manifest = json.loads((artefact_of(result) / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    shown = {"kind": "text", "tokenizer": "tokenizer.json", "contextLength": 16, "padding": 0}
    assert (manifest["preprocessing"], manifest["opset"]) == (shown, 17)
    tokenizer = Tokenizer.from_file(str(artefact_of(result) / "tokenizer.json"))
    model = OnnxModel((artefact_of(result) / "model.onnx").read_bytes(), 1)
    for label, text in enumerate(("the blue door", "the green door of house number 3", "the red door")):
        ids = tokenizer.encode(text).ids
        bare, filled = np.array([ids]), np.array([[*ids, *[0] * (16 - len(ids))]])
        assert model.run(bare).argmax() == label
        np.testing.assert_allclose(model.run(bare), model.run(filled), atol=1e-4)
    assert says(lines, "the pretrained model gets a new head")["labels"] == ["blue", "green", "red"]
    losses = [json.loads(line)["loss"] for line in lines if '"epoch trained"' in line]
    assert losses[-1] < losses[0] / 4
    assert (folder / "model.safetensors").exists()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_decoder_learns_classes_too(store: str, tmp_path: Path, kind: str) -> None:
    tiny_models.save_decoder(tmp_path / "model", kind)
    result = run_here(tuning(store, tmp_path, "classification", epochs=15))
    assert result["metrics"]["accuracy"]["value"] >= 0.9
    model = OnnxModel((artefact_of(result) / "model.onnx").read_bytes(), 1)
    padding = json.loads((artefact_of(result) / "manifest.json").read_text())["preprocessing"]["padding"]
    tokenizer = Tokenizer.from_file(str(artefact_of(result) / "tokenizer.json"))
    # A text by itself, and beside a longer one.
    short = tokenizer.encode("the green door of house number 3").ids
    long = [*short, *short[1:3]]
    both = np.array([[*short, *[padding] * (len(long) - len(short))], long])
    assert model.run(both)[0].argmax() == 1
    np.testing.assert_allclose(model.run(both)[:1], model.run(np.array([short])), atol=1e-4)


def test_lineage_has_the_digest_of_the_pretrained_model(store: str, tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path / "model")
    document = tuning(store, tmp_path, "classification", epochs=2)
    result = run_here(document)
    files = sorted(path for path in folder.iterdir() if path.name != "README.md")
    printed = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    assert result["lineage"]["pretrainedSha256"] == hashlib.sha256(printed.encode()).hexdigest()
    lineage = json.loads((artefact_of(result) / "manifest.json").read_text())["lineage"]
    assert lineage["pretrainedSha256"] == result["lineage"]["pretrainedSha256"]
    assert lineage["config"]["model"]["kind"] == "pretrained"
    again = run_here({**document, "store": {**document["store"], "runUri": f"{store}/again"}})
    assert (again["artefact"]["sha256"], again["metrics"]) == (result["artefact"]["sha256"], result["metrics"])
    resumed = run_here(attempt(document, 2))
    assert resumed["resumedFromStep"] == resumed["steps"]
    assert resumed["artefact"]["sha256"] == result["artefact"]["sha256"]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_decoder_goes_on_with_texts_and_is_served_like_one_of_ours(store: str, tmp_path: Path, kind: str) -> None:
    tiny_models.save_decoder(tmp_path / "model", kind)
    result = run_here(tuning(store, tmp_path, "causalLM", epochs=20))
    jsonschema.validate(result, contract("trainer-result"))
    # Of 320 tokens, each as likely as any other before the training.
    assert 1 < result["metrics"]["perplexity"]["value"] < 20
    folder = artefact_of(result)
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    heads = {"gpt2": 4, "llama": 2}[kind]
    assert manifest["decoder"] == {
        **{"contract": "split-v1", "layers": 2, "heads": heads, "headDim": 8},
        **{"vocabulary": 320, "contextLength": 16, "endTokens": [0]},
    }
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    stepper = Stepper(Artefact((folder / "model.onnx").read_bytes(), "", manifest["inputs"], manifest["outputs"]), 1)
    written, given = "", np.array([tokenizer.encode("the blue door of").ids], dtype=np.int32)
    for _ in range(3):
        given = stepper.step(given).argmax(axis=1)[:, None].astype(np.int32)
        written += tokenizer.decode([int(given[0, 0])])
    assert written.startswith(" house number")


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_group_learns_what_one_process_learns(store: str, tmp_path: Path, strategy: str) -> None:
    # The table of tokens is the last layer too: both have to stay one however the model is divided.
    tiny_models.save_decoder(tmp_path / "model")
    document = {**tuning(store, tmp_path, "causalLM", epochs=3), "distribution": {"strategy": strategy}}
    alone = run_here({**document, "store": {**document["store"], "runUri": f"{store}/alone"}})
    workers = start_workers(tmp_path / "group", document, 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    result = workers[0].result()
    assert result["distribution"]["strategy"] == strategy
    expected = alone["metrics"]["perplexity"]["value"]
    assert result["metrics"]["perplexity"]["value"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_worker_without_a_row_of_a_batch_goes_on_with_the_others(store: str, tmp_path: Path, strategy: str) -> None:
    tiny_models.save_encoder(tmp_path / "model")
    document = {**tuning(store, tmp_path, "classification", epochs=2), "distribution": {"strategy": strategy}}
    document["optimization"] |= {"batchSize": 31}
    alone = run_here({**document, "store": {**document["store"], "runUri": f"{store}/alone"}})
    workers = start_workers(tmp_path / "group", document, 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    # One of the 63 texts is left for the last batch of an epoch.
    assert next(line for line in workers[0].lines() if line["message"] == "data loaded")["train"] == 63
    result = workers[0].result()
    assert result["steps"] == 2 * 3
    expected = alone["metrics"]["logLoss"]["value"]
    assert result["metrics"]["logLoss"]["value"] == pytest.approx(expected, rel=1e-3)


def test_a_model_whose_export_fails_ends_before_it_is_trained(store: str, tmp_path: Path) -> None:
    tiny_models.save_decoder(tmp_path / "model", "bloom")
    lines: list[str] = []
    with pytest.raises(TrainerError, match="of the model_type bloom, whose export for serving fails") as caught:
        run_here(tuning(store, tmp_path, "causalLM"), lines.append)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert not any("epoch trained" in line for line in lines)


def test_a_model_that_is_not_there_yet_is_waited_for(store: str, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="model/ does not exist") as caught:
        run_here(tuning(store, tmp_path, "classification"))
    assert caught.value.reason is Reason.DATA_MISSING


def test_a_model_that_memory_does_not_hold_is_refused_with_figures(store: str, tmp_path: Path) -> None:
    tiny_models.save_encoder(tmp_path / "model")
    tiny_models.change_config(tmp_path / "model", num_hidden_layers=12, hidden_size=768)
    (worker,) = start_workers(
        tmp_path / "group", tuning(store, tmp_path, "classification"), 1, {"LIMBECK_MEMORY_BYTES": str(2**29)}
    )
    assert worker.exit_code() == 78
    result = worker.result()
    assert result["reason"] == "ConfigInvalid"
    assert "parameters: to train and save it takes at least " in result["message"]
    assert "Raise placement.resources.limits.memory" in result["message"]
