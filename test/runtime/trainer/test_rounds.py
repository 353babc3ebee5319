"""Rounds are closed whole or not at all: a run whose validation was interrupted ends as one that nobody disturbed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from groups import NEVER, Counted, rank_of, run_group
from limbeck_trainer import job, rounds
from limbeck_trainer.engine import Engine
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.loss_record import LossRecord
from limbeck_trainer.rounds import Rounds
from support import Document, alone, attempt, config_document, run_here, session

# Of 80 steps in epochs of 20. The first epoch is the best one: none is better by so much.
IMPATIENT = {"earlyStopping": {"patience": 2, "minDelta": 100}}


def course(document: Document) -> tuple[Any, ...]:
    """What has come out of a run, and how it went."""
    result = run_here(document)
    folder = Path(urlsplit(document["store"]["runUri"]).path)
    history = json.loads((folder / "history" / "model.json").read_text())
    return history, result["steps"], result["metrics"], result["artefact"]["sha256"]


def break_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int) -> None:
    """The store is away when this is called for the `call`-th time, and back afterwards."""
    real, calls = getattr(owner, name), 0

    def breaking(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise TrainerError(Reason.STORE_UNAVAILABLE, "The store is away.")
        return real(*given, **named)

    monkeypatch.setattr(owner, name, breaking)


@pytest.mark.parametrize(
    ("owner", "name", "optimization", "call", "step"),
    [
        (Rounds, "_mean_loss", {}, 2, 40),
        (Rounds, "_mean_loss", {}, 4, 80),
        (rounds, "validated", {}, 2, 40),
        (rounds, "validated", {}, 4, 80),
        (Engine, "mean_loss", IMPATIENT, 2, 40),
        (Engine, "mean_loss", IMPATIENT, 3, 60),
        (Rounds, "_weights", IMPATIENT, 1, 20),
    ],
    ids=[
        "after its last step",
        "after the last step of all",
        "while validating",
        "while validating the last one",
        "while its loss is summed",
        "while that of the last one is summed",
        "while the best is set aside",
    ],
)
def test_an_epoch_whose_validation_was_interrupted_is_validated_by_the_next_attempt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    optimization: Document,
    call: int,
    step: int,
) -> None:
    whole = course(config_document((tmp_path / "whole").as_uri(), optimization=optimization))
    assert whole[1] == (60 if optimization else 80)
    document = config_document((tmp_path / "broken").as_uri(), optimization=optimization)
    with monkeypatch.context() as patched:
        break_once(patched, owner, name, call)
        with pytest.raises(TrainerError, match=f"The store is away. At step {step} of 80"):
            run_here(document)
    assert course(attempt(document, 2)) == whole


@pytest.mark.parametrize(("optimization", "looks", "step"), [({}, 3, 80), (IMPATIENT, 2, 40), (IMPATIENT, 5, 60)])
def test_whoever_is_told_to_stop_while_an_epoch_is_validated_saves_its_last_step_and_goes_on_with_that(
    tmp_path: Path, optimization: Document, looks: int, step: int
) -> None:
    whole = course(config_document((tmp_path / "whole").as_uri(), optimization=optimization))
    document = config_document((tmp_path / "stopped").as_uri(), optimization=optimization)
    said = session(document)
    said = replace(said, interruption=Counted(looks, said.board, "validating"))
    with pytest.raises(
        TrainerError, match=rf"Stopped by SIGTERM at step {step} of 80 \(model\); checkpoint "
    ) as caught:
        job.run(said, alone())
    assert caught.value.checkpoint is not None
    assert caught.value.checkpoint.step == step
    assert course(attempt(document, 2)) == whole


@pytest.mark.parametrize("stops", [(2, 2), (NEVER, 2)], ids=["both are told", "one is told"])
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_group_that_is_told_to_stop_while_it_validates_goes_on_with_that(
    tmp_path: Path, strategy: str, stops: tuple[int, int]
) -> None:
    folders = [tmp_path / "whole", tmp_path / "stopped"]
    other, document = (config_document(it.as_uri(), distribution={"strategy": strategy}) for it in folders)
    whole = run_group(tmp_path / "w", other, 2).result
    stopped = run_group(tmp_path / "first", document, 2, stops, partial(rank_of, phase="validating"))
    assert "step 60 of 80 (model); checkpoint file:" in stopped.result["message"]
    resumed = run_group(tmp_path / "then", attempt(document, 2), 2).result
    assert (resumed["resumedFromStep"], resumed["artefact"]["sha256"]) == (60, whole["artefact"]["sha256"])
    undisturbed, disturbed = (json.loads(next(it.rglob("history/model.json")).read_text()) for it in folders)
    for one, same in zip(undisturbed, disturbed, strict=True):
        # Of a round that was interrupted rank 0's part of the losses stands for those of all.
        assert same.pop("loss") == pytest.approx(one.pop("loss"), rel=0.3)
        assert same == one


def test_an_epoch_that_was_made_up_for_is_not_validated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt ends after the training, and the third finds all epochs closed."""
    document = config_document(tmp_path.as_uri())
    with monkeypatch.context() as patched:
        break_once(patched, rounds, "validated", 4)
        with pytest.raises(TrainerError, match="At step 80 of 80"):
            run_here(document)
    with monkeypatch.context() as patched:
        break_once(patched, job, "measure", 1)
        with pytest.raises(TrainerError, match="The store is away"):
            run_here(attempt(document, 2))
    break_once(monkeypatch, rounds, "validated", 1)
    assert run_here(attempt(document, 3))["resumedFromStep"] == 80


def test_the_loss_of_an_epoch_of_which_an_older_trainer_kept_none_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = config_document(tmp_path.as_uri())
    with monkeypatch.context() as patched:
        break_once(patched, rounds, "validated", 2)
        patched.setattr(LossRecord, "noted", property(lambda _losses: (0.0, 0)))
        with pytest.raises(TrainerError, match="At step 40 of 80"):
            run_here(document)
    _, second, *others = course(attempt(document, 2))[0]
    assert ("loss" in second, second["step"]) == (False, 40)
    assert all("loss" in point for point in others)
