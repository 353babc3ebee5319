"""Bytes that are as they were digested, and that nobody may go on from all the same."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from groups import Counted
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.optimization import Optimization
from limbeck_trainer.patience import Patience
from limbeck_trainer.session import Session
from limbeck_trainer.snapshot import Snapshot, encode
from limbeck_trainer.successor import Successor
from support import Document, alone, attempt, config_document, run_here, session
from torch import nn

State = dict[str, Any]
ADAM = Optimization("adam", 0.01, "constant", epochs=1, batch_size=8, seed=1)
SGD = replace(ADAM, optimizer="sgd")
HALVES = replace(ADAM, precision="float16")


class Model(nn.Module):
    """Weights that are trained, weights that stay as they came, and what is no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.ones(3, 2))
        self.still = nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("mean", torch.zeros(2))


def problem_of(content: bytes, step: int = 7, optimization: Optimization = ADAM) -> str:
    return Successor(Model(), optimization).problem_of(content, step)


def sound() -> Snapshot:
    """After seven steps of adam."""
    moments = {"a": {"step": torch.tensor(7.0), "exp_avg": torch.zeros(3, 2), "exp_avg_sq": torch.zeros(3, 2)}}
    engine = {"model": Model().state_dict(), "optimizer": moments, "scaler": {}}
    return Snapshot(7, [{"step": 7.0, "loss": 0.5}], engine, Patience(), None)


class Payload:
    """Would write a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


def changed(*changes: Callable[[State], object]) -> bytes:
    """The bytes of a sound one, changed as somebody could who writes the digest, too."""
    state: State = torch.load(io.BytesIO(encode(sound())), weights_only=True)
    for change in changes:
        change(state)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def moments_of(state: State) -> State:
    moments: State = state["engine"]["optimizer"]["a"]
    return moments


def weights_of(state: State) -> State:
    weights: State = state["engine"]["model"]
    return weights


def without_moments(state: State) -> None:
    state["engine"]["optimizer"] = {}


def with_a_scale(state: State) -> None:
    state["engine"]["scaler"] = {"scale": 65536.0}


def with_a_best_step(state: State) -> None:
    state["patience"]["best_step"] = 5


def test_a_sound_one_is_and_looking_leaves_chance_as_it_was() -> None:
    content = encode(sound())
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert problem_of(content) == ""
    assert torch.equal(torch.get_rng_state(), before)


APART = "its parts do not belong together"
WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it cannot be read"),
    "no archive": (b"no checkpoint", "it cannot be read"),
    "no engine": (changed(lambda state: state.pop("engine")), "it cannot be read (KeyError)"),
    "no place for moments": (changed(lambda state: state["engine"].pop("optimizer")), "it cannot be read (KeyError)"),
    "a moment of no weight": (
        changed(lambda state: state["engine"]["optimizer"].update(b=moments_of(state))),
        "it cannot be read (KeyError)",
    ),
    "a step that nobody reached": (changed(lambda state: state.update(step=1_000_000)), APART),
    "a moment of one element": (changed(lambda state: moments_of(state).update(exp_avg=torch.zeros(1))), APART),
    "a moment without an axis": (changed(lambda state: moments_of(state).update(exp_avg=torch.tensor(0.0))), APART),
    "a step for each of two": (changed(lambda state: moments_of(state).update(step=torch.zeros(2))), APART),
    "a moment of less precision": (
        changed(lambda state: moments_of(state).update(exp_avg=torch.zeros(3, 2, dtype=torch.float16))),
        APART,
    ),
    "no weights of the best epoch": (changed(with_a_best_step), APART),
    "other weights of the best epoch": (
        changed(with_a_best_step, lambda state: state.update(best={"a": torch.zeros(3, 2)})),
        APART,
    ),
    "a weight is missing": (
        changed(lambda state: weights_of(state).pop("a")),
        "it is of another kind of model: a is not in it, and now float32 of 2 axes",
    ),
    "a weight too many": (
        changed(lambda state: weights_of(state).update(b=torch.zeros(1))),
        "it is of another kind of model: b is float32 of 1 axes, and now not in it",
    ),
    "a weight of other axes": (
        changed(lambda state: weights_of(state).update(a=torch.zeros(3, 2, 1))),
        "it is of another kind of model: a is float32 of 3 axes, and now float32 of 2 axes",
    ),
    "weights of less precision": (
        changed(lambda state: weights_of(state).update(a=torch.zeros(3, 2, dtype=torch.bfloat16))),
        "it is of another kind of model: a is bfloat16 of 2 axes, and now float32 of 2 axes",
    ),
    "no moments": (changed(without_moments), "it has no moments of adam for a"),
    "a moment less": (changed(lambda state: moments_of(state).pop("exp_avg_sq")), "it has no moments of adam for a"),
    "moments of another optimiser": (
        changed(lambda state: moments_of(state).update(momentum_buffer=torch.zeros(3, 2))),
        "it has no moments of adam for a",
    ),
    "a scale of losses": (changed(with_a_scale), "it is of another precision than float32"),
}


# The ids are not of the content, which is another one in each process.
@pytest.mark.parametrize(("content", "problem"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_said(content: bytes, problem: str) -> None:
    assert problem_of(content).startswith(problem)


@pytest.mark.parametrize(
    ("content", "step", "optimization", "problem"),
    [
        (changed(without_moments), 7, SGD, ""),
        (changed(), 7, SGD, "it has moments that are none of sgd"),
        (changed(), 7, HALVES, "it is of another precision than float16"),
        (changed(with_a_scale), 7, HALVES, ""),
        # Whose first gradients were too large for 16 bits.
        (changed(with_a_scale, without_moments), 7, HALVES, ""),
        # Of who was stopped before the first step.
        (changed(without_moments, lambda state: state.update(step=0)), 0, ADAM, ""),
    ],
    ids=[
        "sgd keeps none",
        "sgd of adam",
        "float16 of float32",
        "float16 of float16",
        "float16, before a step",
        "at 0",
    ],
)
def test_what_there_has_to_be_follows_from_the_optimisation(
    content: bytes, step: int, optimization: Optimization, problem: str
) -> None:
    assert problem_of(content, step, optimization) == problem


def test_no_code_is_run_to_find_that_out(tmp_path: Path) -> None:
    file = tmp_path / "here"
    for content in (pickle.dumps(Payload(file)), changed(lambda state: state.update(history=Payload(file)))):
        assert problem_of(content) == "it cannot be read (UnpicklingError)"
    assert not file.exists()


def test_a_run_goes_on_from_the_one_before(store: str, tmp_path: Path) -> None:
    document = config_document(store, optimization={"epochs": 2})
    for number in (1, 2):
        _stopped(attempt(document, number))
    newest = max((tmp_path / "store").rglob("step-*.pt"), key=lambda path: path.name)
    state: State = torch.load(newest, weights_only=True)
    without_moments(state)
    torch.save(state, newest)
    pointer = newest.with_suffix(".json")
    digest = hashlib.sha256(newest.read_bytes()).hexdigest()
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), "sha256": digest}))
    lines: list[str] = []
    result = run_here(attempt(document, 3), lines.append)
    assert (result["resumedFromStep"], result["steps"]) == (10, 40)
    (skipped,) = (line for line in map(json.loads, lines) if line["message"] == "checkpoint skipped")
    assert (skipped["step"], skipped["problem"]) == (20, "it has no moments of adam for 2.weight")
    assert result["skippedCheckpoint"] == f"step 20 of attempt 2: {skipped['problem']}"


def _stopped(document: Document) -> None:
    """Ten steps further."""
    said = session(document)
    with pytest.raises(TrainerError, match="Stopped by SIGTERM at step"):
        run(Session(said.config, said.store, said.board, Counted(10, said.board), said.log), alone())
