"""Bytes that are as they were digested, and that nobody may go on from all the same."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from groups import Counted
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.patience import Patience
from limbeck_trainer.session import Session
from limbeck_trainer.snapshot import Snapshot, encode, problem_of
from support import Document, alone, attempt, config_document, run_here, session

State = dict[str, Any]


def sound() -> Snapshot:
    """After seven steps of adam."""
    moments = {"a": {"step": torch.tensor(7.0), "exp_avg": torch.zeros(3, 2), "exp_avg_sq": torch.zeros(3, 2)}}
    engine = {"model": {"a": torch.ones(3, 2), "mean": torch.zeros(2)}, "optimizer": moments, "scaler": {}}
    return Snapshot(7, [{"step": 7.0, "loss": 0.5}], engine, Patience(), None)


class Payload:
    """Would write a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


def changed(change: Callable[[State], object]) -> bytes:
    """The bytes of a sound one, changed as somebody could who writes the digest, too."""
    state: State = torch.load(io.BytesIO(encode(sound())), weights_only=True)
    change(state)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def moments_of(state: State) -> State:
    moments: State = state["engine"]["optimizer"]["a"]
    return moments


def test_a_sound_one_is_and_looking_leaves_chance_as_it_was() -> None:
    content = encode(sound())
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert problem_of(content, 7) == ""
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it cannot be read"),
        (b"no checkpoint", "it cannot be read"),
        (changed(lambda state: state.pop("engine")), "it cannot be read (KeyError)"),
        (changed(lambda state: state["engine"].pop("optimizer")), "it cannot be read (KeyError)"),
        (changed(lambda state: state["engine"]["model"].pop("a")), "it cannot be read (KeyError)"),
        (changed(lambda state: state.update(step=1_000_000)), "its parts do not belong together"),
        (changed(lambda state: moments_of(state).update(exp_avg=torch.zeros(1))), "its parts do not belong together"),
        (changed(lambda state: moments_of(state).update(exp_avg=torch.tensor(0.0))), "its parts do not belong"),
        (changed(lambda state: moments_of(state).update(step=torch.zeros(2))), "its parts do not belong together"),
    ],
    # Not by their content, which is another one in each process.
    ids=[
        "empty",
        "no archive",
        "no engine",
        "no moments",
        "a weight is missing",
        "a step that nobody reached",
        "a moment of one element",
        "a moment without an axis",
        "a step for each of two",
    ],
)
def test_what_is_wrong_is_said(content: bytes, problem: str) -> None:
    assert problem_of(content, 7).startswith(problem)


def test_no_code_is_run_to_find_that_out(tmp_path: Path) -> None:
    file = tmp_path / "here"
    for content in (pickle.dumps(Payload(file)), changed(lambda state: state.update(history=Payload(file)))):
        assert problem_of(content, 7) == "it cannot be read (UnpicklingError)"
    assert not file.exists()


def test_a_run_goes_on_from_the_one_before(store: str, tmp_path: Path) -> None:
    document = config_document(store, optimization={"epochs": 2})
    for number in (1, 2):
        _stopped(attempt(document, number))
    newest = max((tmp_path / "store").rglob("step-*.pt"), key=lambda path: path.name)
    newest.write_bytes(changed(lambda _state: None))
    pointer = newest.with_suffix(".json")
    digest = hashlib.sha256(newest.read_bytes()).hexdigest()
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), "sha256": digest}))
    lines: list[str] = []
    result = run_here(attempt(document, 3), lines.append)
    assert (result["resumedFromStep"], result["steps"]) == (10, 40)
    (skipped,) = (line for line in map(json.loads, lines) if line["message"] == "checkpoint skipped")
    assert (skipped["step"], skipped["problem"]) == (20, "its parts do not belong together")


def _stopped(document: Document) -> None:
    """Ten steps further."""
    said = session(document)
    with pytest.raises(TrainerError, match="Stopped by SIGTERM at step"):
        run(Session(said.config, said.store, said.board, Counted(10), said.log), alone())
