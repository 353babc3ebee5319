"""The termination message: by its contract, and never over 4096 bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest
from limbeck_trainer.errors import EXIT_CODES, Reason, TrainerError
from limbeck_trainer.result import LIMIT_BYTES, encode, failure_document, write_result
from support import contract


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_in_the_contract_and_has_an_exit_code(reason: Reason) -> None:
    document = json.loads(encode(failure_document(TrainerError(reason, "It broke.", 7))))
    jsonschema.validate(document, contract("trainer-result"))
    assert document["reason"] == reason
    assert EXIT_CODES[reason] != 0


def test_the_contract_has_no_other_reasons() -> None:
    failure = contract("trainer-result")["oneOf"][1]
    assert set(failure["properties"]["reason"]["enum"]) == {str(reason) for reason in Reason}


@pytest.mark.parametrize("filler", ["x", "é", "字", '"', "\n"])
def test_a_long_message_keeps_its_ends(filler: str) -> None:
    message = "begin " + filler * 20000 + " end"
    encoded = encode(failure_document(TrainerError(Reason.CRASHED, message)))
    shown = json.loads(encoded)["message"]
    assert len(encoded) <= LIMIT_BYTES
    assert shown.startswith("begin")
    assert shown.endswith("end")


MEASURE = {"value": 0.123456, "low": 0.012345, "high": 0.234567}


def _success(label: str) -> dict[str, object]:
    """A result with everything that it may have, and as much of it as it may have."""
    measure = MEASURE
    names = ["accuracy", "macroPrecision", "macroRecall", "macroF1", "rocAuc", "logLoss", "calibrationError"]
    metrics = {"n": 359, **dict.fromkeys(names, measure)}
    headline = {"n": 359, "accuracy": measure, "macroF1": measure}
    tensor = {"name": "input", "datatype": "FP32", "shape": [-1, 1, 8, 8]}
    uri = f"s3://limbeck-models/production/{'a' * 64}/{'b' * 16}"
    return {
        "contractVersion": "v1",
        "outcome": "succeeded",
        "artefact": {
            **{"uri": uri, "sha256": "a" * 64, "sizeBytes": 123456789, "report": f"{uri}/report.html"},
            **{"inputs": [tensor], "outputs": [tensor]},
        },
        "metrics": metrics,
        "control": headline,
        "teacher": headline,
        "classMetrics": [{"class": f"{at} {label} {at}", "n": 36, **measure} for at in range(16)],
        "distribution": {"strategy": "ddp", "reason": "the model fits " * 34, "processes": 4, "device": "cuda"},
        "skippedCheckpoint": "step 40 is damaged " * 26,
        "lineage": {
            **{"dataSha256": "d" * 64, "configSha256": "c" * 64, "teacherSha256": "e" * 64, "torch": "2.9.1+debian"},
            **{"splitSeed": 7, "seed": 1, "worldSize": 4},
        },
        "steps": 123456,
        "seconds": 12345.678,
    }


@pytest.mark.parametrize("label", ["cat", "a very long label " * 40, "\u5b57" * 300, "\U0001f408" * 300, '"' * 300])
def test_a_run_that_succeeded_is_told_however_long_its_labels_are(label: str) -> None:
    document = _success(label)
    encoded = encode(document)
    assert len(encoded) <= LIMIT_BYTES
    told = json.loads(encoded)
    jsonschema.validate(told, contract("trainer-result"))
    # The operator takes them by their order, and labels of 256 characters at most.
    for at, metric in enumerate(told["classMetrics"]):
        assert metric["class"].startswith(f"{at} ")
        assert metric["class"].endswith(f" {at}")
        assert len(metric["class"]) <= 256
    kept = ("artefact", "metrics", "control", "teacher", "lineage", "steps", "seconds")
    assert {name: told[name] for name in kept} == {name: document[name] for name in kept}


CONTROL = "\x01" * 300
SMALL = {"value": 1.23457e-05, "low": 1.23457e-05, "high": 1.23457e-05}


def _largest(label: str, uri: str) -> dict[str, object]:
    """All figures in as many digits as they may have, and everything that may be there."""
    document = _success(label)
    figures = json.loads(json.dumps(document).replace(json.dumps(MEASURE), json.dumps(SMALL)))
    tensor = {"name": "input_ids", "datatype": "INT64", "shape": [-1, 16, 1024, 1024]}
    artefact = {**figures["artefact"], "uri": uri, "report": f"{uri}/report.html", "inputs": [tensor]}
    classes = [{"class": f"{at} {label} {at}", "n": 12345678, **SMALL} for at in range(len(figures["classMetrics"]))]
    more = {"teacherAgreement": 0.123456, "teacherSizeBytes": 2**31, "resumedFromStep": 2**31}
    lineage = {**figures["lineage"], "pretrainedSha256": "f" * 64, "tokenizerSha256": "f" * 64}
    return {**figures, **more, "artefact": artefact, "classMetrics": classes, "lineage": lineage}


@pytest.mark.parametrize(
    "label",
    ["cat", CONTROL, "\U0001f408" * 300, "\u5b57" * 300, '"\\' * 150],
    ids=["short", "control", "emoji", "chinese", "escaped"],
)
@pytest.mark.parametrize("prefix", [20, 300, 1024 - 82])
def test_a_result_is_told_however_long_everything_in_it_is(label: str, prefix: int) -> None:
    uri = f"s3://{'p' * (prefix - 5)}/{'a' * 64}/{'b' * 16}"
    document = _largest(label, uri)
    encoded = encode(document)
    assert len(encoded) <= LIMIT_BYTES
    told = json.loads(encoded)
    jsonschema.validate(told, contract("trainer-result"))
    assert (told["artefact"]["uri"], told["metrics"], told["lineage"]) == (
        uri,
        document["metrics"],
        document["lineage"],
    )
    for at, metric in enumerate(told["classMetrics"]):
        assert (metric["class"].split()[0], metric["class"].split()[-1]) == (str(at), str(at))
        assert metric["value"] == SMALL["value"]
        assert ("low" in metric) == ("high" in metric)
    # A short address leaves room for everything else.
    assert "report" in told["artefact"] or prefix > 20


def test_labels_are_cut_before_sentences() -> None:
    document = {
        **_success("a very long label " * 40),
        "skippedCheckpoint": "step 40 is damaged",
        "distribution": {**{"strategy": "ddp", "reason": "The model fits.", "processes": 4}},
    }
    told = json.loads(encode(document))
    assert (told["skippedCheckpoint"], told["distribution"]) == (
        document["skippedCheckpoint"],
        document["distribution"],
    )
    assert all(" ... " in metric["class"] and len(metric["class"]) > 40 for metric in told["classMetrics"])


def test_a_result_without_a_message_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match="termination message"):
        encode({"contractVersion": "v1", "outcome": "x" * 5000})


def test_words_that_are_no_unicode_are_told_all_the_same() -> None:
    encoded = encode(failure_document(TrainerError(Reason.DATA_INVALID, "caf\udce9.csv is no table.")))
    assert json.loads(encoded)["message"] == "caf?.csv is no table."


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_figure_that_is_no_number_is_never_written(wrong: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({**_success("cat"), "seconds": wrong})


def test_writes_into_the_file_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.write_text("old and longer than the new" * 20)
    inode = file.stat().st_ino
    write_result(file, {"outcome": "failed", "message": "no"})
    assert json.loads(file.read_text()) == {"outcome": "failed", "message": "no"}
    assert file.stat().st_ino == inode
