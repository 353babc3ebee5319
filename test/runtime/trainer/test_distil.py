"""Distillation: a teacher of other things is refused; a good one helps where labels are scarce."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import numpy as np
import pytest
from groups import Counted
from limbeck_trainer.config import parse_config
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Builtin
from limbeck_trainer.distil import load_teacher
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from onnx import TensorProto, helper, numpy_helper
from support import Document, alone, attempt, config_document, contract, digits_file, distilling, run_here, session

LABELLED = {
    "source": {"kind": "builtin", "name": "digits"},
    "split": {"validation": 0.1, "test": 0.2, "seed": 7},
    "labelled": 100,
}


def student(store: str, **changes: Any) -> Document:
    return config_document(store, data=LABELLED, **changes)


def headline(metrics: Document) -> Document:
    """What the result has of a model that is only compared with."""
    return {name: metrics[name] for name in ("n", "accuracy", "macroRecall", "macroF1")}


def test_a_student_with_few_labels_gains_from_its_teacher(store: str, teacher: Document) -> None:
    result = run_here(distilling(student(store, optimization={"epochs": 20}), teacher))
    jsonschema.validate(result, contract("trainer-result"))
    assert result["metrics"]["accuracy"]["value"] >= 0.9
    assert result["metrics"]["accuracy"]["value"] >= result["control"]["accuracy"]["value"] + 0.03
    assert result["teacherAgreement"] >= 0.9
    assert result["teacher"] == headline(teacher["metrics"])
    assert result["teacherSizeBytes"] == teacher["artefact"]["sizeBytes"] > result["artefact"]["sizeBytes"]
    assert result["lineage"]["teacherSha256"] == teacher["artefact"]["sha256"]


def test_the_processes_of_a_pod_ask_the_teacher_once(store: str, tmp_path: Path) -> None:
    """The second finds its answers, though by then it is gone."""
    taught = run_here(config_document(store, optimization={"epochs": 1}))
    distillation = parse_config(distilling(config_document(store), taught)).distillation
    assert distillation is not None
    dataset = load_data(Builtin("digits"), Store())
    alone = load_teacher(distillation, dataset, Store(), Scratch(), 1)
    first = load_teacher(distillation, dataset, Store(), Scratch(tmp_path), 1)
    (Path(urlsplit(taught["artefact"]["uri"]).path) / "model.onnx").unlink()
    second = load_teacher(distillation, dataset, Store(), Scratch(tmp_path), 1)
    for theirs in (first, second):
        np.testing.assert_array_equal(theirs.logits, alone.logits)
        assert theirs.size_bytes == alone.size_bytes == taught["artefact"]["sizeBytes"]
    with pytest.raises(TrainerError, match=r"model\.onnx does not exist") as caught:
        load_teacher(distillation, dataset, Store(), Scratch(), 1)
    assert caught.value.reason is Reason.TEACHER_MISSING


def test_control_has_the_same_budget_and_the_labels_alone(store: str, teacher: Document) -> None:
    lines: list[str] = []
    result = run_here(distilling(student(store), teacher), lines.append)
    records = [json.loads(line) for line in lines]
    ends = {line["stage"]: line["step"] for line in records if line["message"] == "checkpoint written"}
    assert ends["student"] == ends["control"] == 80
    assert result["steps"] == 160


def test_a_run_that_is_stopped_in_the_controls_training_tells_of_all_its_steps(store: str, teacher: Document) -> None:
    """80 are the student's; the control's are counted anew by its own checkpoints and words alone."""
    document = distilling(student(store), teacher)
    said = session(document)
    with pytest.raises(TrainerError, match=r"at step 30 of 80 \(control\); checkpoint ") as caught:
        run(replace(said, interruption=Counted(110, said.board)), alone())
    told = caught.value
    assert (told.step, told.checkpoint and told.checkpoint.step) == (110, 110)
    assert said.board.progress.checkpoint == told.checkpoint
    again = session(attempt(document, 2))
    result, shown = run(again, alone()) or {}, again.board.progress
    assert (result["resumedFromStep"], result["steps"]) == (110, 160)
    assert (shown.resumed_from, shown.checkpoint and shown.checkpoint.step) == (110, 160)


def test_a_run_that_is_stopped_before_the_control_went_on_from_the_students_last_step(
    store: str, teacher: Document
) -> None:
    document = distilling(student(store), teacher)
    said = session(document)
    with pytest.raises(TrainerError, match=r"at step 0 of 80 \(control\)") as caught:
        run(replace(said, interruption=Counted(80, said.board)), alone())
    assert (caught.value.step, caught.value.checkpoint and caught.value.checkpoint.step) == (80, 80)
    assert run_here(attempt(document, 2))["resumedFromStep"] == 80


def test_control_is_what_training_on_the_labels_would_be(store: str, teacher: Document, tmp_path: Path) -> None:
    """alpha 0 with every label is plain training, so the student equals its control when both see the same rows."""
    document = config_document(store)
    method = {"kind": "response", "temperature": 4, "alpha": 0}
    result = run_here(distilling(document, teacher, method=method))
    assert headline(result["metrics"]) == result["control"]
    assert result["metrics"] == run_here(config_document(tmp_path.as_uri()))["metrics"]


def test_early_stopping_judges_the_labels_too(store: str, teacher: Document) -> None:
    """With alpha 0 the teacher has no part in the loss, which would be 0 after each epoch."""
    document = config_document(store, optimization={"epochs": 6, "earlyStopping": {"patience": 2}})
    method = {"kind": "response", "temperature": 4, "alpha": 0}
    result = run_here(distilling(document, teacher, method=method))
    assert headline(result["metrics"]) == result["control"]
    folder = Path(urlsplit(document["store"]["runUri"]).path)
    student, control = (json.loads((folder / "history" / f"{of}.json").read_text()) for of in ("student", "control"))
    assert [point["validationLoss"] for point in student] == [point["validationLoss"] for point in control]
    assert student[0]["validationLoss"] > 0


def test_alpha_one_learns_without_labels(store: str, teacher: Document) -> None:
    method = {"kind": "response", "temperature": 4, "alpha": 1}
    document = student(store, optimization={"epochs": 10})
    result = run_here(distilling(document, teacher, method=method, control=False))
    assert "control" not in result
    assert result["metrics"]["accuracy"]["value"] >= 0.85


def test_a_missing_teacher(store: str, teacher: Document) -> None:
    absent = {"uri": f"{store}/models/none", "sha256": "0" * 64}
    with pytest.raises(TrainerError, match=r"The teacher's .*/model.onnx does not exist") as caught:
        run_here(distilling(student(store), teacher, teacher=absent))
    assert caught.value.reason is Reason.TEACHER_MISSING


def test_a_changed_teacher(store: str, teacher: Document) -> None:
    changed = {"uri": teacher["artefact"]["uri"], "sha256": "0" * 64}
    with pytest.raises(TrainerError, match="has the sha256") as caught:
        run_here(distilling(student(store), teacher, teacher=changed))
    assert caught.value.reason is Reason.TEACHER_MISMATCH


def test_a_teacher_of_other_data(store: str, teacher: Document, tmp_path: Path) -> None:
    data = {**LABELLED, "source": {"kind": "s3", "uri": digits_file(tmp_path)}, "labelled": 20}
    mismatches = [
        ({}, "takes"),
        ({"x": np.random.default_rng(0).normal(size=(200, 1, 8, 8))}, "the data has 4 classes"),
    ]
    for arrays, sentence in mismatches:
        digits_file(tmp_path, **arrays)
        with pytest.raises(TrainerError, match=sentence) as caught:
            run_here(distilling({**student(store), "data": data}, teacher))
        assert caught.value.reason is Reason.TEACHER_MISMATCH


def someone_elses(folder: Path, batch: int | str, kind: int = TensorProto.FLOAT) -> Document:
    """A teacher that another exporter has made: the sum of each column of pixels, and nothing for further classes."""
    shape = [batch, 1, 8, 8]
    weights = np.eye(8, 10, dtype=np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "axes"], ["columns"], keepdims=0),
        helper.make_node("MatMul", ["columns", "weights"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([1, 2]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "manifest.json").write_text("{}")
    return {"uri": folder.as_uri(), "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("batch", "kind"), [("n", TensorProto.FLOAT), (1, TensorProto.FLOAT), ("n", TensorProto.DOUBLE)]
)
def test_a_teacher_of_another_exporter_is_asked_as_it_can_be(
    store: str, teacher: Document, tmp_path: Path, batch: int | str, kind: int
) -> None:
    theirs = someone_elses(tmp_path / "theirs", batch, kind)
    distillation = parse_config(distilling(student(store), teacher, teacher=theirs)).distillation
    assert distillation is not None
    dataset = load_data(Builtin("digits"), Store())
    logits = load_teacher(distillation, dataset, Store(), Scratch(), 1).logits
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits[:, :8], dataset.x.sum(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    ("batch", "kind", "sentence"),
    [
        (7, TensorProto.FLOAT, r"takes \[7, 1, 8, 8\]; the samples are \[-1, 1, 8, 8\]"),
        ("n", TensorProto.UINT8, r"cannot be asked: .*expected: \(tensor\(uint8\)\)\. Choose a teacher"),
    ],
)
def test_a_teacher_that_cannot_be_asked_is_none(
    store: str, teacher: Document, tmp_path: Path, batch: int | str, kind: int, sentence: str
) -> None:
    theirs = someone_elses(tmp_path / "theirs", batch, kind)
    with pytest.raises(TrainerError, match=sentence) as caught:
        run_here(distilling(student(store), teacher, teacher=theirs))
    assert caught.value.reason is Reason.TEACHER_MISMATCH


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("manifest.json", b'{"labels": ["nine", "eight"]}', "has the labels"),
        ("manifest.json", b'{"labels": 5}', "has the labels 5"),
        ("manifest.json", b"{", "cannot be loaded"),
        ("manifest.json", b"[]", r"cannot be loaded: its manifest.json is no JSON object\. Choose"),
        ("model.onnx", b"not a model", "cannot be loaded"),
    ],
)
def test_a_teacher_that_is_not_what_it_says(
    store: str, teacher: Document, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    folder = Path(urlsplit(teacher["artefact"]["uri"]).path)
    for file in ("manifest.json", "model.onnx"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    (tmp_path / name).write_bytes(content)
    digest = hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()
    with pytest.raises(TrainerError, match=sentence) as caught:
        run_here(distilling(student(store), teacher, teacher={"uri": tmp_path.as_uri(), "sha256": digest}))
    assert caught.value.reason is Reason.TEACHER_MISMATCH


def test_a_teacher_may_write_its_classes_with_a_point(store: str, teacher: Document, tmp_path: Path) -> None:
    """As one does that learnt from 3.0 before that was the class 3."""
    folder = Path(urlsplit(teacher["artefact"]["uri"]).path)
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps({"labels": [f"{digit}.0" for digit in range(10)]}))
    theirs = {"uri": tmp_path.as_uri(), "sha256": teacher["artefact"]["sha256"]}
    result = run_here(distilling(student(store), teacher, teacher=theirs))
    assert result["outcome"] == "succeeded"
