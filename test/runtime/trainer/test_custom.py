"""A program of one's own keeps the contract by the helper package: its config, progress, checkpoints and last words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from custom_programs import PACKAGE, document, start, step_of
from support import attempt, contract, metrics_of, progress_of, until
from web_server import Quiet, web_server
from workers import start_program

PROGRAM = """
import signal, time
from limbeck_custom import Failure, Job
with Job.start() as job:
    newest = job.newest_checkpoint()
    first = 0 if newest is None else newest[0]
    print(f"from {first}", flush=True)
    job.progress(phase="training", steps=1000, epochs=1, epoch=1, step=first)
    for step in range(first + 1, 1001):
        time.sleep(0.005)
        # Some programs tell the phase with every step.
        job.progress(phase="training", step=step, loss=1.0, samplesPerSecond=float("inf"))
        if job.stopping:
            job.save_checkpoint(step, b"state")
            raise Failure("Interrupted", f"Stopped at step {step}.", step)
"""


def test_it_tells_its_progress_and_goes_on_from_its_checkpoint(store: str, tmp_path: Path) -> None:
    config, command = document(store), ["-c", PROGRAM]
    (worker,) = start(tmp_path / "1", config, command)
    until(lambda: worker.process.poll() is not None or step_of(config) >= 3)
    progress = progress_of(config)
    jsonschema.validate(progress, contract("trainer-progress"))
    assert (progress["phase"], progress["steps"], progress["loss"]) == ("training", 1000, 1.0)
    assert (progress["longestStepSeconds"] > 0, "samplesPerSecond" in progress) == (True, False)
    assert metrics_of(config) == ""
    worker.terminate()
    assert worker.exit_code() == 143
    failure = worker.result()
    jsonschema.validate(failure, contract("trainer-result"))
    assert failure["reason"] == "Interrupted"
    again = attempt(config, 2)
    (worker,) = start(tmp_path / "2", again, command)
    until(lambda: worker.process.poll() is not None or step_of(again) > failure["step"])
    assert progress_of(again)["resumedFromStep"] == failure["step"]
    assert f"from {failure['step']}" in worker.log_file.read_text()
    worker.process.kill()


def test_a_checkpoint_of_other_bytes_is_passed_over_for_the_one_before(store: str, tmp_path: Path) -> None:
    folder = Path(document(store)["store"]["runUri"].removeprefix("file://"))
    program = """
from limbeck_custom import Job
with Job.start() as job:
    job.save_checkpoint(1, b"one")
    job.save_checkpoint(2, b"two")
    job.save_checkpoint(3, b"three")
    job.save_checkpoint(4, b"four")
    for name, content in (("*2.pt", b"tw"), ("*3.json", b'{"sha'), ("*4.json", b"[]")):
        next(__import__("pathlib").Path(FOLDER).rglob(name)).write_bytes(content)
    print(job.newest_checkpoint(), flush=True)
    job.succeed({}, {"n": 1})
"""
    config = {**document(store), "checkpoint": {"everySeconds": 60, "keep": 4}}
    (worker,) = start(tmp_path, config, ["-c", program.replace("FOLDER", repr(str(folder)))])
    assert (worker.exit_code(), "(1, b'one')" in worker.log_file.read_text()) == (0, True)
    told = worker.result()["skippedCheckpoint"]
    assert told == "step 2 and later: not the bytes whose sha256 was written down"


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_as_many_checkpoints_of_all_attempts_stay_as_the_config_says(store: str, tmp_path: Path, keep: int) -> None:
    saves = """
from limbeck_custom import Job
with Job.start() as job:
    first = (job.newest_checkpoint() or (0,))[0]
    for step in (first + 1, first + 2):
        job.save_checkpoint(step, b"state")
"""
    config = {**document(store), "checkpoint": {"everySeconds": 60, "keep": keep}}
    for number in (1, 2):
        (worker,) = start(tmp_path / str(number), attempt(config, number), ["-c", saves])
        assert worker.exit_code() == 0, worker.log_file.read_text()
    left = Path(config["store"]["runUri"].removeprefix("file://")).rglob("step-*")
    steps = range(5 - keep, 5)
    assert sorted(path.name for path in left) == [
        f"step-{step:08d}.{kind}" for step in steps for kind in ("json", "pt")
    ]


def test_a_checkpoint_that_was_passed_over_never_takes_the_place_of_a_good_one(store: str, tmp_path: Path) -> None:
    """It is of a later step than what is saved after it."""
    program = """
import pathlib
from limbeck_custom import Job
with Job.start() as job:
    job.save_checkpoint(9, b"nine")
    next(pathlib.Path(job.run_uri.removeprefix("file://")).rglob("*9.pt")).write_bytes(b"nin")
    job.save_checkpoint(5, b"five")
    print(job.newest_checkpoint(), flush=True)
"""
    config = {**document(store), "checkpoint": {"everySeconds": 60, "keep": 1}}
    (worker,) = start(tmp_path, config, ["-c", program])
    assert (worker.exit_code(), "(5, b'five')" in worker.log_file.read_text()) == (0, True)


def test_what_goes_to_s3_carries_no_checksums_that_a_store_need_not_know(tmp_path: Path) -> None:
    """boto3 sends them since 1.36, and many a store that is not Amazon's refuses such a request."""
    puts: list[tuple[str, list[str]]] = []

    class Store(Quiet, BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            puts.append((self.path, [name.lower() for name in self.headers]))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    program = "from limbeck_custom import Job\nwith Job.start() as job:\n    job.save_checkpoint(1, b'state')\n"
    config, keys = document("s3://limbeck"), {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with web_server(Store) as port:
        place = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
        variables = {"PYTHONPATH": str(PACKAGE), **keys, **place}
        (worker,) = start_program(tmp_path, config, [sys.executable, "-c", program], 1, variables)
        assert worker.exit_code() == 0, worker.log_file.read_text()
    folder = config["store"]["runUri"].removeprefix("s3:/")
    assert [path for path, _ in puts] == [
        f"{folder}/a1/checkpoints/model/step-00000001.{kind}" for kind in ("pt", "json")
    ]
    assert [name for _, names in puts for name in names if "checksum" in name or name == "x-amz-trailer"] == []


@pytest.mark.parametrize(
    ("body", "code", "reason", "words"),
    [
        ("raise Failure('DataInvalid', 'Row 3 is empty. Fill it.')", 65, "DataInvalid", "Row 3 is empty. Fill it."),
        ("raise Failure('NonFiniteLoss', 'é' * 9000, 7)", 70, "NonFiniteLoss", "ééé"),
        ("1 / 0", 1, "Crashed", "ZeroDivisionError: division by zero"),
        # Not as a result that nobody can read, which would be seen after the training and not understood.
        ("job.succeed({}, {'n': 1, 'rmse': {'value': float('nan')}})", 1, "Crashed", "not JSON compliant"),
        ("job.publish(b'', [], [], baseline=[float('inf')])", 1, "Crashed", "not JSON compliant"),
        (
            "job.succeed({'inputs': [{'name': f'past.{layer}'} for layer in range(400)]}, {'n': 1})",
            78,
            "ConfigInvalid",
            "a termination message takes 4096. Leave out intervals, and tensors of artefact",
        ),
        ("raise SystemExit(3)", 1, "Crashed", "SystemExit: 3"),
        ("with job.collective(): raise RuntimeError('Connection closed by peer')", 75, "PeerLost", "closed by peer"),
        (
            "import torch\n    with job.collective(): raise torch.distributed.DistStoreError('No answer.')",
            75,
            "PeerLost",
            "No answer.",
        ),
        # What is no other rank's fault is not blamed on one: such a failure is never taken for the cause.
        (
            "import torch\n    with job.collective(): torch.ones(2, 3) @ torch.ones(2, 3)",
            1,
            "Crashed",
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        ),
        (
            "bytearray(1 << 60)",
            71,
            "OutOfMemory",
            "Out of memory: MemoryError. Raise placement.resources.limits.memory",
        ),
        ("import torch; torch.empty(1 << 50)", 71, "OutOfMemory", "DefaultCPUAllocator: can't allocate memory"),
        (
            "import torch\n    with job.collective(): raise torch.OutOfMemoryError('CUDA out of memory.')",
            71,
            "OutOfMemory",
            "CUDA",
        ),
    ],
)
def test_every_end_has_its_reason_and_exit_code(
    store: str, tmp_path: Path, body: str, code: int, reason: str, words: str
) -> None:
    program = f"from limbeck_custom import Failure, Job\nwith Job.start() as job:\n    {body}\n"
    (worker,) = start(tmp_path, document(store), ["-c", program])
    assert worker.exit_code() == code
    assert worker.result_file.stat().st_size <= 4096
    failure = worker.result()
    jsonschema.validate(failure, contract("trainer-result"))
    assert failure["reason"] == reason
    assert words in failure["message"]


@pytest.mark.parametrize(
    ("config", "variables", "words"),
    [
        ({"contractVersion": "v2"}, {}, "This program speaks contract v1. Update limbeck-custom."),
        ({"contractVersion": "v1"}, {}, "config.json, or RANK or WORLD_SIZE, cannot be used: KeyError('store')."),
        ([], {}, "config.json, or RANK or WORLD_SIZE, cannot be used: AttributeError"),
        (None, {"RANK": "zero"}, "cannot be used: ValueError(\"invalid literal for int() with base 10: 'zero'"),
        (None, {"LIMBECK_CONFIG": "/no/one"}, "/no/one, or RANK or WORLD_SIZE, cannot be used: FileNotFoundError"),
    ],
)
def test_what_goes_wrong_before_the_block_is_told_as_what_goes_wrong_in_it(
    store: str, tmp_path: Path, config: Any, variables: dict[str, str], words: str
) -> None:
    command = [sys.executable, "-c", "from limbeck_custom import Job\nwith Job.start() as job:\n    pass\n"]
    whole = document(store) if config is None else config
    told = {"PYTHONPATH": str(PACKAGE), "LIMBECK_RESULT_FILE": str(tmp_path / "result"), **variables}
    (worker,) = start_program(tmp_path, whole, command, 1, told)
    assert worker.exit_code() == 78, worker.log_file.read_text()
    failure = json.loads((tmp_path / "result").read_text())
    jsonschema.validate(failure, contract("trainer-result"))
    assert failure["reason"] == "ConfigInvalid"
    assert words in failure["message"]


# Holds the signal back and sends it; then it is as `env --block-signal=TERM` was, and Python has not even begun.
TOO_EARLY = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""


def test_sigterm_before_python_has_begun_is_heard_where_it_is_held_back(store: str, tmp_path: Path) -> None:
    (worker,) = start(tmp_path, document(store), ["-c", TOO_EARLY, PROGRAM])
    assert worker.exit_code() == 143, worker.log_file.read_text()
    assert worker.result()["message"] == "Stopped at step 1."


SUCCEED = "job.succeed({'uri': 'file:///m'}, {'n': 1})"


@pytest.mark.parametrize("end", ["pass", "raise SystemExit", "raise SystemExit(0)"])
def test_a_success_is_one_also_where_the_program_ends_itself(store: str, tmp_path: Path, end: str) -> None:
    program = f"from limbeck_custom import Job\nwith Job.start() as job:\n    {SUCCEED}\n    {end}\n"
    (worker,) = start(tmp_path, document(store), ["-c", program])
    assert (worker.exit_code(), worker.result()["outcome"]) == (0, "succeeded")


@pytest.mark.parametrize(("body", "code"), [(SUCCEED, 1), ("raise Failure('DataInvalid', 'Row 3 is empty.')", 65)])
def test_a_result_that_cannot_be_written_is_no_success_and_holds_nobody_up(
    store: str, tmp_path: Path, body: str, code: int
) -> None:
    """A thread that never ends, as a broken process group may have, would keep an interpreter that ends by itself."""
    held = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    program = f"{held}from limbeck_custom import Failure, Job\nwith Job.start() as job:\n    {body}\n"
    nowhere = {"PYTHONPATH": str(PACKAGE), "LIMBECK_RESULT_FILE": str(tmp_path / "no" / "folder")}
    (worker,) = start_program(tmp_path, document(store), [sys.executable, "-c", program], 1, nowhere)
    assert worker.exit_code() == code
    assert "The result is not written: " in worker.log_file.read_text()


def test_the_package_is_small_and_stands_alone() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert sum(len(file.read_text().splitlines()) for file in files) < 300
    assert not any("limbeck_trainer" in file.read_text() for file in files)
    imported = subprocess.run(
        [sys.executable, "-c", "import limbeck_custom, sys; print('torch' in sys.modules, 'boto3' in sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported.stdout.split() == ["False", "False"]
