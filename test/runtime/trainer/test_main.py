"""Real processes of `python3 -m limbeck_trainer`, alone and in groups of two over gloo: ends, kills and resumptions."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import (
    Document,
    attempt,
    config_document,
    contract,
    digits_file,
    free_port,
    metrics_of,
    progress_of,
    run_here,
    stand_still,
    until,
)
from workers import start_program, start_workers, trainer_command

# Long enough to be interrupted in the middle on any machine, short enough to be finished by a resumption.
LONG = {"epochs": 100}


def failure(worker: Any) -> tuple[int, Document]:
    code, result = worker.exit_code(), worker.result()
    jsonschema.validate(result, contract("trainer-result"))
    return code, result


def test_two_workers_train_one_model_into_s3(tmp_path: Path, s3: dict[str, str]) -> None:
    document = config_document("s3://limbeck", model={"kind": "cnn", "channels": [16, 32], "hidden": 64})
    document["optimization"] |= {"learningRate": 0.003, "epochs": 12}
    workers = start_program(tmp_path / "two", document, trainer_command(tmp_path / "two"), 2)
    assert [worker.exit_code() for worker in workers] == [0, 0]
    result = workers[0].result()
    jsonschema.validate(result, contract("trainer-result"))
    assert result["metrics"]["accuracy"]["value"] >= 0.95
    assert result["metrics"]["n"] == 359
    assert result["lineage"]["worldSize"] == 2
    assert not workers[1].result_file.exists()
    assert workers[0].lines()[-1]["message"] == "training succeeded"
    assert workers[1].lines()[-1]["message"] == "worker finished"
    for worker in workers:
        assert "Schema error" not in worker.log_file.read_text()


def test_width_does_not_change_the_course(tmp_path: Path, store: str) -> None:
    """Two workers walk the same global batches as one: the losses agree up to the order of additions."""
    lines: list[str] = []
    alone = run_here(config_document(store), lines.append)
    workers = start_workers(tmp_path / "two", config_document(f"{store}-two"), 2)
    assert [worker.exit_code() for worker in workers] == [0, 0]
    losses = [
        [line["loss"] for line in records if line["message"] == "epoch trained"]
        for records in ([json.loads(line) for line in lines], workers[0].lines())
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert abs(alone["metrics"]["accuracy"]["value"] - workers[0].result()["metrics"]["accuracy"]["value"]) < 0.02


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_is_a_lost_peer_to_the_other(tmp_path: Path, store: str, victim: int) -> None:
    document = config_document(store, optimization={"epochs": 2000})
    workers = start_workers(tmp_path / "w", document, 2)
    until(lambda: progress_of(document)["step"] > 50 if workers[0].says("workers met") else False)
    workers[victim].process.kill()
    code, result = failure(workers[1 - victim])
    assert (code, result["reason"]) == (75, "PeerLost")
    assert workers[victim].exit_code() == -signal.SIGKILL
    assert not workers[victim].result_file.exists()
    # Rank 0 loses nothing: it saves the last whole step before it ends.
    checkpoints = list((tmp_path / "store").rglob("step-*.json"))
    assert len(checkpoints) == (1 if victim == 1 else 0)
    if victim == 1:
        assert json.loads(checkpoints[0].read_text())["step"] == result["step"] > 50


def test_sigterm_saves_and_a_resumption_ends_as_if_nothing_had_been(tmp_path: Path, store: str) -> None:
    document = config_document(store, optimization=LONG)
    workers = start_workers(tmp_path / "first", document, 2)
    until(lambda: progress_of(document)["step"] > 100 if workers[0].says("workers met") else False)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        code, result = failure(worker)
        assert (code, result["reason"]) == (143, "Interrupted")
    stopped = workers[0].result()["step"]
    assert 100 < stopped < 2000
    saved = workers[0].result()["checkpoint"]
    file = Path(saved["uri"].removeprefix("file://"))
    assert (saved["step"], saved["sha256"]) == (stopped, hashlib.sha256(file.read_bytes()).hexdigest())
    assert "checkpoint" not in workers[1].result()
    resumed = start_workers(tmp_path / "second", attempt(document, 2), 2)
    whole = start_workers(tmp_path / "whole", config_document(f"{store}-whole", optimization=LONG), 2)
    assert [worker.exit_code() for worker in (*resumed, *whole)] == [0] * 4
    ours, theirs = resumed[0].result(), whole[0].result()
    assert ours["resumedFromStep"] == stopped
    assert ours["steps"] == theirs["steps"] == 2000
    assert ours["artefact"]["sha256"] == theirs["artefact"]["sha256"]
    assert ours["metrics"] == theirs["metrics"]


def test_a_corrupt_checkpoint_is_skipped_for_the_one_before(tmp_path: Path, store: str) -> None:
    document = config_document(store, checkpoint={"everySeconds": 1, "keep": 3}, optimization={"epochs": 5000})
    (worker,) = start_workers(tmp_path / "first", document)
    folder = tmp_path / "store" / "runs" / "default" / "digits-u1" / "a1" / "checkpoints" / "model"
    until(lambda: len(list(folder.glob("*.json"))) >= 2)
    worker.terminate()
    assert worker.exit_code() == 143
    *_, before, newest = sorted(folder.glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-1])
    again = attempt(document, 2)
    (second,) = start_workers(tmp_path / "second", again)
    second.wait_for("training resumed")
    assert second.says("checkpoint skipped")
    resumed = next(line for line in second.lines() if line["message"] == "training resumed")
    assert resumed["step"] == int(before.stem.removeprefix("step-"))
    progress = progress_of(again)
    jsonschema.validate(progress, contract("trainer-progress"))
    assert progress["phase"] in {"training", "validating"}
    assert progress["skippedCheckpoint"] == (
        f"step {int(newest.stem.removeprefix('step-'))} of attempt 1: "
        "its bytes do not have the sha256 that was written down"
    )
    assert f'limbeck_trainer_resumed_from_step{{component="trainer"}} {float(resumed["step"])}\n' in metrics_of(again)
    second.terminate()
    assert second.exit_code() == 143


def test_missing_data_is_said_by_every_worker_and_by_none_as_a_lost_peer(tmp_path: Path, s3: dict[str, str]) -> None:
    document = config_document("s3://limbeck")
    document["data"]["source"] = {"kind": "s3", "uri": "s3://limbeck/absent.npz"}
    for worker in start_workers(tmp_path, document, 2):
        code, result = failure(worker)
        assert (code, result["reason"]) == (66, "DataMissing")
        assert "s3://limbeck/absent.npz does not exist" in result["message"]
        assert worker.lines()[-1]["error"] == result["message"]


def test_a_loss_that_is_not_finite_is_the_reason_on_every_rank(tmp_path: Path, store: str) -> None:
    optimization = {"optimizer": "sgd", "schedule": "constant", "learningRate": 1e30}
    workers = start_workers(tmp_path, config_document(store, optimization=optimization), 2)
    assert [failure(worker)[1]["reason"] for worker in workers] == ["NonFiniteLoss"] * 2
    assert [worker.exit_code() for worker in workers] == [70, 70]


def test_a_bad_config_a_bad_environment_and_bad_data_end_for_good(tmp_path: Path, store: str) -> None:
    bad_model = config_document(store, model={"kind": "tree"})
    bad_data = config_document(store)
    bad_data["data"]["source"] = {"kind": "s3", "uri": digits_file(tmp_path, y=[0] * 200)}
    (config,) = start_workers(tmp_path / "config", bad_model)
    (environment,) = start_workers(tmp_path / "environment", config_document(store), 1, {"RANK": "5"})
    (data,) = start_workers(tmp_path / "data", bad_data)
    assert failure(config)[0] == failure(environment)[0] == 78
    assert config.result()["reason"] == environment.result()["reason"] == "ConfigInvalid"
    assert (failure(data)[0], data.result()["reason"]) == (65, "DataInvalid")


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"LOCAL_WORLD_SIZE": "two"}, 78, "LOCAL_WORLD_SIZE must be"),
        ({"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "first"}, 1, "ValueError: invalid literal for int"),
    ],
)
def test_who_cannot_start_the_processes_of_a_pod_says_why(
    tmp_path: Path, store: str, variables: dict[str, str], code: int, words: str
) -> None:
    (worker,) = start_workers(tmp_path, config_document(store), 1, variables)
    ended, result = failure(worker)
    assert ended == code
    assert words in result["message"]


def test_sigterm_before_the_workers_meet_ends_at_once(tmp_path: Path, store: str) -> None:
    """Rank 1 never comes: rank 0 waits inside native code, where no Python signal handler runs."""
    document = config_document(store)
    (worker,) = start_program(tmp_path, document, trainer_command(tmp_path), 1, {"WORLD_SIZE": "2"})
    worker.wait_for("data loaded")
    worker.terminate()
    code, result = failure(worker)
    assert (code, result["reason"]) == (143, "Interrupted")


def test_every_rank_answers_and_a_frozen_one_accepts_but_says_nothing(tmp_path: Path, store: str) -> None:
    """By this the operator tells a frozen process from one that is gone, whose connections are refused."""
    document = config_document(store)
    (worker,) = start_workers(tmp_path, document, 1, {"WORLD_SIZE": "2", "RANK": "1"})
    worker.wait_for("data loaded")
    assert progress_of(document)["phase"] == "starting"
    stand_still(worker.process.pid)
    for _ in range(20):
        with pytest.raises(TimeoutError):
            progress_of(document, timeout=0.1)
    worker.process.send_signal(signal.SIGCONT)
    assert progress_of(document)["phase"] == "starting"
    worker.terminate()
    assert worker.exit_code() == 143
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", document["progressPort"]))


def test_of_several_processes_in_a_pod_the_first_speaks_although_another_is_there_before_it(
    tmp_path: Path, store: str
) -> None:
    """Rank 0 alone knows of checkpoints, and all processes of a pod have one port."""
    document = config_document(store, optimization={"epochs": 2000}, checkpoint={"everySeconds": 1, "keep": 1})
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": str(free_port())}
    (second,) = start_workers(tmp_path / "1", document, 1, {**group, "RANK": "1", "LOCAL_RANK": "1"})
    second.wait_for("data loaded")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", document["progressPort"]))
    (first,) = start_workers(tmp_path / "0", document, 1, {**group, "RANK": "0", "LOCAL_RANK": "0"})
    first.wait_for("checkpoint written")
    assert {"checkpoint", "history", "distribution"} <= progress_of(document).keys()


def test_a_surprise_is_crashed_with_the_last_line_of_its_traceback(tmp_path: Path, store: str) -> None:
    package = tmp_path / "shadow" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise LookupError('no torch in this image')")
    folder = tmp_path / "w"
    path = f"{package.parent}{os.pathsep}{Path(__file__).resolve().parents[3] / 'runtime' / 'trainer'}"
    (worker,) = start_program(folder, config_document(store), trainer_command(folder), 1, {"PYTHONPATH": path})
    code, result = failure(worker)
    assert (code, result["reason"]) == (1, "Crashed")
    assert result["message"] == "LookupError: no torch in this image"
    assert worker.lines()[-1]["message"] == "training failed"


# The one thread is about to end when the time of the other is over.
TWO_ENDS = """
import sys, threading
from limbeck_trainer.entry import Ending
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.log import Log
ending, begun = Ending(), threading.Event()
def overdue():
    begun.set()
    ending.fail(TrainerError(Reason.INTERRUPTED, "Stopped."))
def late(_line):
    ending.log = Log({})
    other = threading.Thread(target=overdue, daemon=True)
    other.start()
    begun.wait()
    other.join(0.5)
ending.log = Log({}, late)
SUCCESS = {"outcome": "succeeded", "metrics": {}, "artefact": {}}
ending.succeed(SUCCESS) if sys.argv[1] == "succeeded" else ending.fail(TrainerError(Reason.DATA_INVALID, "Row 3."))
"""


@pytest.mark.parametrize(("outcome", "code"), [("succeeded", 0), ("failed", 65)])
def test_who_ends_first_has_the_last_word(tmp_path: Path, store: str, outcome: str, code: int) -> None:
    command = [sys.executable, "-c", TWO_ENDS, outcome]
    (worker,) = start_program(tmp_path, config_document(store), command, 1)
    assert worker.exit_code() == code, worker.log_file.read_text()
    result = worker.result()
    assert (result["outcome"], result.get("reason")) == (outcome, None if code == 0 else "DataInvalid")


def test_a_result_that_cannot_be_written_is_a_crash_with_words(tmp_path: Path, store: str) -> None:
    """Not half a result, nor none, of which the operator would not know why."""
    script = "import limbeck_trainer.entry as one; one._run = lambda *_: {'seconds': float('nan')}; one.main()"
    command = [sys.executable, "-c", script, "--config", str(tmp_path / "config.json")]
    (worker,) = start_program(tmp_path, config_document(store), command, 1)
    code, result = failure(worker)
    assert (code, result["reason"]) == (1, "Crashed")
    assert "not JSON compliant" in result["message"]
