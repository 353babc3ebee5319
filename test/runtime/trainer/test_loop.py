"""What the loop tells of its steps and epochs, by whole runs inside this process."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from groups import Counted
from limbeck_trainer import loop
from limbeck_trainer.checkpoint_writer import CheckpointWriter
from limbeck_trainer.engine import Engine
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.loss_record import STEPS_PER_LOOK
from limbeck_trainer.progress import Board, SavedCheckpoint
from limbeck_trainer.result import failure_document
from support import Document, alone, attempt, config_document, digits_file, run_here, session, spoiled


def strict(text: str) -> Document:
    """JSON without the words that it does not have."""
    document: Document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return document


@pytest.mark.parametrize("steps", [1, 3])
def test_the_longest_step_is_known_however_short_steps_and_epochs_are(store: str, tmp_path: Path, steps: int) -> None:
    source = {"kind": "s3", "uri": digits_file(tmp_path)}
    # 120 samples are left to train on: each of the epochs is over before any is reported of but the first step.
    data = {"source": source, "split": {"validation": 0.1, "test": 0.3, "seed": 0}}
    said = session(config_document(store, data=data, optimization={"epochs": 3, "batchSize": 120 // steps}))
    run(said, alone())
    assert (said.board.progress.step_seconds or 0) > 0


def test_of_a_device_a_step_counts_once_it_has_been_waited_for(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that it may only be on its way, and its length would make whatever comes after it look like a hang."""

    class Counting(Board):
        calls = 0

        def stepped(self, seconds: float) -> None:
            super().stepped(seconds)
            self.calls += 1

    monkeypatch.setitem(STEPS_PER_LOOK, "cpu", 16)
    board = Counting()
    run(replace(session(config_document(store, optimization={"epochs": 2})), board=board), alone())
    # Of two epochs of 20 steps each: after 16, and at the end.
    assert board.calls == 4


def test_a_validation_that_is_no_number_is_left_out_and_told(tmp_path: Path) -> None:
    document, lines = spoiled(tmp_path, "validation", task="regression"), list[str]()
    artefact = Path(urlsplit(run_here(document, lines.append)["artefact"]["uri"]).path)
    run_folder = Path(urlsplit(document["store"]["runUri"]).path)
    for history in (
        strict((run_folder / "history" / "model.json").read_text()),
        strict((artefact / "report.json").read_text())["history"],
    ):
        assert [set(point) for point in history] == [{"step", "loss"}] * 4
    told = [strict(line) for line in lines if "validation is not finite" in line]
    assert [line["figures"] for line in told] == [["validationRmse"]] * 4


def test_early_stopping_by_what_is_no_number_is_no_success(tmp_path: Path) -> None:
    document = spoiled(tmp_path, "validation", optimization={"earlyStopping": {"patience": 2}})
    with pytest.raises(TrainerError, match="The validation loss was no number so far at step 4 of 8") as caught:
        run_here(document)
    assert caught.value.reason is Reason.NON_FINITE_LOSS


def test_samples_are_counted_as_they_come_where_the_last_batch_of_an_epoch_is_small(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """120 samples in batches of 119: each step learns from 60 of them. A look at the clock takes 1,000 s."""
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=itertools.count(0, 1000).__next__))
    source = {"kind": "s3", "uri": digits_file(tmp_path)}
    data = {"source": source, "split": {"validation": 0.1, "test": 0.3, "seed": 0}}
    said = session(config_document(store, data=data, optimization={"batchSize": 119, "epochs": 2}))
    told: list[tuple[float, float]] = []
    update = said.board.update

    def note(**changes: Any) -> None:
        update(**changes)
        if changes.get("eta_seconds"):
            told.append((changes["samples_per_second"], changes["eta_seconds"] / (4 - changes["step"])))

    monkeypatch.setattr(said.board, "update", note)
    run(said, alone())
    assert [rate * seconds for rate, seconds in told] == [pytest.approx(60, rel=1e-3)] * 3


def test_an_epoch_that_was_interrupted_has_the_loss_of_all_its_steps(tmp_path: Path) -> None:
    """Stopped after 30 of 80 steps, of which each epoch has 20."""
    histories = []
    for stop in (1 << 40, 30):
        document = config_document((tmp_path / str(stop)).as_uri())
        said = session(document)
        said = replace(said, interruption=Counted(stop, said.board))
        if stop == 30:
            with pytest.raises(TrainerError, match="at step 30 of 80"):
                run(said, alone())
            run_here(attempt(document, 2))
        else:
            run(said, alone())
        folder = Path(urlsplit(document["store"]["runUri"]).path)
        histories.append(json.loads((folder / "history" / "model.json").read_text()))
    assert histories[0] == histories[1]


def test_a_last_checkpoint_whose_weights_are_no_numbers_is_told_as_such_and_the_one_before_is_named(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another rank's part of the loss was no number, and it went: here is only seen that it is gone."""
    saved = SavedCheckpoint(3, f"{store}/step-00000003.pt", "a" * 64)

    def spoil_and_leave(engine: Engine, *_given: Any) -> NoReturn:
        for value in engine.parallel.module.parameters():
            value.data.fill_(float("nan"))
        raise TrainerError(Reason.PEER_LOST, "gone")

    monkeypatch.setattr(Engine, "gradients", spoil_and_leave)
    said = session(config_document(store))
    said.board.update(checkpoint=saved)
    with pytest.raises(TrainerError, match="The weights are not finite at step 0 of 80") as caught:
        run(said, alone())
    assert (caught.value.reason, caught.value.checkpoint) == (Reason.NON_FINITE_LOSS, saved)


@pytest.mark.parametrize("settled", [True, False])
def test_a_failure_names_what_the_next_attempt_goes_on_from_unless_another_is_on_its_way(
    store: str, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    monkeypatch.setattr(CheckpointWriter, "idle", property(lambda _writer: settled))
    saved = SavedCheckpoint(3, f"{store}/step-00000003.pt", "a" * 64)
    document = config_document(store, optimization={"optimizer": "sgd", "schedule": "constant", "learningRate": 1e30})
    said = session(document)
    said.board.update(checkpoint=saved)
    with pytest.raises(TrainerError, match="The loss became") as caught:
        run(said, alone())
    assert caught.value.checkpoint == (saved if settled else None)
    assert failure_document(caught.value).get("checkpoint") == (saved.document() if settled else None)
