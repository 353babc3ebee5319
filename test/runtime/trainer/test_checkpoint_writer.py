"""Checkpoints beside the training, and what becomes of a run whose store is away, full, frozen or killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limbeck_trainer.checkpoint import Checkpoints, Identity, Snap
from limbeck_trainer.checkpoint_writer import CheckpointWriter
from limbeck_trainer.log import Log
from limbeck_trainer.progress import Board, SavedCheckpoint
from limbeck_trainer.store import Store
from support import attempt, config_document, progress_of, until
from versity import Versity, versity
from workers import Worker, start_workers

# Longer than a store takes to be started anew on another node.
AWAY_SECONDS = 30


class Desk:
    """A writer over a folder, its board and its log."""

    def __init__(self, folder: Path, steps_before: int = 0) -> None:
        self.folder = folder
        self.board = Board()
        self.lines: list[str] = []
        log = Log({}, self.lines.append)
        self.checkpoints = Checkpoints(Store(), Identity(folder.as_uri(), 1, "c", 2, "d"), "model", log)
        self.writer = CheckpointWriter(self.checkpoints, self.board, log, steps_before)

    def steps(self) -> list[int]:
        return [int(file.stem.removeprefix("step-")) for file in sorted(self.folder.rglob("step-*.json"))]

    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.lines]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "store")


def test_is_written_beside_the_training(desk: Desk) -> None:
    assert desk.writer.idle
    assert desk.writer.settle(0) is None
    desk.writer.put(Snap(10, b"ten"))
    saved = desk.writer.settle(30)
    assert saved is not None
    assert saved.step == 10
    assert desk.board.progress.checkpoint == saved
    assert desk.writer.idle
    desk.writer.put(Snap(20, b"twenty"))
    desk.writer.settle(30)
    assert desk.steps() == [10, 20]


def test_what_is_told_of_a_training_that_came_after_another_counts_its_steps_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store", 80)
    desk.folder.write_text("in the way")
    desk.writer.put(Snap(10, b"ten"))
    until(lambda: desk.board.progress.checkpoint_problem is not None)
    assert str(desk.board.progress.checkpoint_problem).startswith("The checkpoint of step 90 is not written")
    desk.folder.unlink()
    saved = desk.writer.settle(60)
    assert (saved and saved.step, desk.board.progress.checkpoint, desk.steps()) == (90, saved, [10])


def test_a_store_that_is_away_is_tried_again_until_it_is_back(desk: Desk) -> None:
    desk.folder.write_text("in the way")
    desk.writer.put(Snap(10, b"ten"))
    until(lambda: desk.messages().count("checkpoint not written") >= 2)
    assert not desk.writer.idle
    problem = desk.board.progress.document()["checkpointProblem"]
    assert str(problem).startswith("The checkpoint of step 10 is not written: The store at file://")
    desk.folder.unlink()
    saved = desk.writer.settle(60)
    assert saved is not None
    assert (saved.step, desk.checkpoints.newest().content) == (10, b"ten")
    assert "checkpointProblem" not in desk.board.progress.document()


def test_the_last_one_takes_the_place_of_one_that_waits_and_is_tried_at_once(desk: Desk) -> None:
    desk.folder.write_text("in the way")
    desk.writer.put(Snap(10, b"ten"))
    # After the fifth try the pause is 15 s long: whoever is about to end cannot wait for that.
    until(lambda: json.loads(desk.lines[-1])["nextTrySeconds"] >= 8 if desk.lines else False)
    desk.folder.unlink()
    desk.writer.put(Snap(20, b"twenty"))
    saved = desk.writer.settle(5)
    assert saved is not None
    assert (saved.step, desk.steps()) == (20, [20])


def test_too_little_memory_to_send_it_is_told_and_it_is_tried_again(desk: Desk) -> None:
    save, sizes = desk.checkpoints.save, iter([1 << 60])

    def send(snap: Snap) -> SavedCheckpoint:
        bytearray(next(sizes, 0))
        return save(snap)

    desk.checkpoints.save = send  # type: ignore[method-assign]
    desk.writer.put(Snap(10, b"ten"))
    saved = desk.writer.settle(30)
    assert (saved is not None, desk.steps(), desk.messages()[0]) == (True, [10], "checkpoint not written")
    assert json.loads(desk.lines[0])["error"] == "There is too little memory for it."


def test_what_nobody_has_foreseen_is_told_and_it_is_tried_again(desk: Desk) -> None:
    save, surprises = desk.checkpoints.save, iter([LookupError("a proxy's page")])

    def send(snap: Snap) -> SavedCheckpoint:
        for surprise in surprises:
            raise surprise
        return save(snap)

    desk.checkpoints.save = send  # type: ignore[method-assign]
    desk.writer.put(Snap(10, b"ten"))
    saved = desk.writer.settle(30)
    assert (saved is not None, desk.steps()) == (True, [10])
    assert json.loads(desk.lines[0])["error"] == "a proxy's page"


def test_a_full_disk_is_named_and_the_last_good_checkpoint_stays(small_disk: Path) -> None:
    desk = Desk(small_disk)
    desk.writer.put(Snap(10, b"x" * 600_000))
    desk.writer.settle(30)
    desk.writer.put(Snap(20, b"x" * 600_000))
    until(lambda: "checkpoint not written" in desk.messages())
    assert "No space left on device" in str(desk.board.progress.checkpoint_problem)
    assert desk.steps() == [10]
    assert desk.checkpoints.newest().content == b"x" * 600_000
    # What was half written does not fill the disk for good.
    desk.writer.put(Snap(30, b"small enough"))
    saved = desk.writer.settle(30)
    assert saved is not None
    assert saved.step == 30


def test_a_full_store_stops_no_training(small_disk: Path, tmp_path: Path) -> None:
    """The model outgrows the store's disk: every checkpoint is refused with the reason, and the training goes on."""
    with versity(small_disk) as server:
        document = config_document(
            "s3://limbeck",
            model={"kind": "mlp", "hidden": [2048]},
            checkpoint={"everySeconds": 1, "keep": 2},
            optimization={"epochs": 5000},
        )
        (worker,) = start_workers(tmp_path / "w", document, 1, server.variables)
        worker.wait_for("checkpoint not written")
        until(lambda: "checkpointProblem" in progress_of(document))
        refused = progress_of(document)
        until(lambda: progress_of(document)["step"] > refused["step"] + 20)
        assert refused["checkpointProblem"].startswith("The checkpoint of step ")
        assert "No space left on device" in refused["checkpointProblem"]
        assert "checkpoint" not in refused
        worker.terminate()
        assert worker.exit_code() == 143
        assert "no new checkpoint, the store did not take it" in worker.result()["message"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Versity]:
    """An S3 server that may be killed."""
    with versity(tmp_path / "s3") as running:
        yield running


def trained(document: dict[str, object], worker: Worker, steps: int) -> int:
    """Waits until so many more steps are done; where it is then."""
    before = progress_of(document)["step"]
    until(lambda: progress_of(document)["step"] >= before + steps or worker.process.poll() is not None)
    step: int = progress_of(document)["step"]
    return step


def test_a_store_that_is_away_during_a_checkpoint_costs_nothing(server: Versity, tmp_path: Path) -> None:
    """Training goes on, the checkpoint is tried again, and a resumption loses no step."""
    document = config_document(
        "s3://limbeck", checkpoint={"everySeconds": 1, "keep": 2}, optimization={"epochs": 100_000}
    )
    (worker,) = start_workers(tmp_path / "first", document, 1, server.variables)
    worker.wait_for("checkpoint written")
    server.kill()
    killed = time.monotonic()
    known = worker.written()
    trained(document, worker, 200)
    until(lambda: worker.count("checkpoint not written") >= 3 and time.monotonic() >= killed + AWAY_SECONDS)
    assert worker.written() == known
    assert "checkpointProblem" in progress_of(document)
    away = trained(document, worker, 200)
    server.start()
    until(lambda: worker.written() > away)
    assert "checkpointProblem" not in progress_of(document)
    worker.terminate()
    assert worker.exit_code() == 143
    stopped = worker.result()["step"]
    (second,) = start_workers(tmp_path / "second", attempt(document, 2), 1, server.variables)
    second.wait_for("training resumed")
    assert next(line for line in second.lines() if line["message"] == "training resumed")["step"] == stopped
    second.terminate()
    assert second.exit_code() == 143


def test_sigterm_while_the_store_is_away_ends_within_the_grace_period(server: Versity, tmp_path: Path) -> None:
    """The kubelet's grace has an end: what cannot be saved is given up, said, and no reason to be killed."""
    document = config_document(
        "s3://limbeck", checkpoint={"everySeconds": 1, "keep": 2}, optimization={"epochs": 100_000}
    )
    (worker,) = start_workers(tmp_path / "first", document, 1, server.variables)
    worker.wait_for("checkpoint written")
    server.freeze()
    # Else there may be nothing to save: it may stop at the very step of its last checkpoint.
    trained(document, worker, 2)
    asked = time.monotonic()
    worker.terminate()
    assert worker.exit_code() == 143
    assert time.monotonic() - asked < 25
    assert "no new checkpoint, the store did not take it" in worker.result()["message"]
    os.kill(server.pid, signal.SIGCONT)
    (second,) = start_workers(tmp_path / "second", attempt(document, 2), 1, server.variables)
    second.wait_for("training resumed")
    resumed = next(line for line in second.lines() if line["message"] == "training resumed")["step"]
    assert resumed == worker.written()
    second.terminate()
    assert second.exit_code() == 143
