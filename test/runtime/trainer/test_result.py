"""The termination message: by its contract, and never over 4096 bytes."""

from __future__ import annotations

import json
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


def test_a_result_without_a_message_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match="termination message"):
        encode({"contractVersion": "v1", "outcome": "x" * 5000})


def test_writes_into_the_file_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.write_text("old and longer than the new" * 20)
    inode = file.stat().st_ino
    write_result(file, {"outcome": "failed", "message": "no"})
    assert json.loads(file.read_text()) == {"outcome": "failed", "message": "no"}
    assert file.stat().st_ino == inode
