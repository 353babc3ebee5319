"""Real worker processes on loopback, and what they leave behind.

A worker is a fork of a process that has torch loaded: importing it costs two seconds of a core, and most tests are not
about that. Where the way from `python3` on matters, `start_program` with `trainer_command` goes it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limbeck_trainer.entry import main
from support import PATIENCE_SECONDS, REPOSITORY, Document, free_port, until

forkserver = multiprocessing.get_context("forkserver")
# The part of the trainer that takes long to import.
PRELOADED = ["limbeck_trainer.entry", "limbeck_trainer.job", "limbeck_trainer.sharded"]


class Process(Protocol):
    """As much of `subprocess.Popen` as the tests use."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int) -> None: ...


Start = Callable[[Mapping[str, str], Path], Process]


class Fork:
    """A fork of the process that has torch loaded; exit codes as `subprocess` gives them, -9 for SIGKILL."""

    def __init__(self, arguments: Sequence[str], variables: Mapping[str, str], log_file: Path) -> None:
        log_file.touch()
        forkserver.set_forkserver_preload(PRELOADED)
        self._process = forkserver.Process(target=_run_trainer, args=(arguments, variables, log_file))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("a worker", timeout or 0)
        return code

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def _run_trainer(arguments: Sequence[str], variables: Mapping[str, str], log_file: Path) -> None:
    log = os.open(log_file, os.O_WRONLY | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[1:] = arguments
    main()


@dataclass
class Worker:
    """One real trainer process and what it left behind."""

    process: Process
    result_file: Path
    log_file: Path

    def exit_code(self) -> int:
        """Waits for the end; where there is none, the error has the log."""
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            log = self.log_file.read_text()
            raise AssertionError(f"after {PATIENCE_SECONDS} s a worker still runs:\n{log}") from None

    def result(self) -> Document:
        """The termination message."""
        document: Document = json.loads(self.result_file.read_bytes())
        return document

    def lines(self) -> list[Document]:
        """The log, one object per line; the last may be only half written yet."""
        whole = self.log_file.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def says(self, message: str) -> bool:
        """Whether the log has this sentence."""
        return any(line["message"] == message for line in self.lines())

    def count(self, message: str) -> int:
        """How often the log has this sentence."""
        return sum(line["message"] == message for line in self.lines())

    def written(self) -> int:
        """Step of the newest checkpoint that the log tells of."""
        steps: list[int] = [line["step"] for line in self.lines() if line["message"] == "checkpoint written"]
        return steps[-1]

    def wait_for(self, message: str) -> None:
        """Waits until the log has this sentence."""
        until(lambda: self.says(message) or self.process.poll() is not None)
        assert self.says(message), self.log_file.read_text()

    def terminate(self) -> None:
        """What the kubelet does first."""
        self.process.send_signal(signal.SIGTERM)


def peak_of(worker: Worker) -> int:
    """KiB at most while it runs. Not ru_maxrss, which a process inherits from the one that started it."""
    peak_kib = 0
    while worker.process.poll() is None:
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        seen = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak_kib = int(seen.group(1)) if seen else peak_kib
        time.sleep(0.02)
    return peak_kib


_started: list[Process] = []


def end_workers() -> None:
    """Ends whatever a test has left running: where it failed, nobody else does."""
    for process in _started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
    _started.clear()


def start_workers(
    folder: Path, document: Document, count: int = 1, variables: Mapping[str, str] | None = None
) -> list[Worker]:
    """`count` ranks of one group, each the trainer's `main` in a process of its own."""
    arguments = trainer_command(folder)[-2:]
    return _group(folder, document, count, variables, lambda environment, log: Fork(arguments, environment, log))


def trainer_command(folder: Path) -> list[str]:
    """What the image starts."""
    return [sys.executable, "-m", "limbeck_trainer", "--config", str(folder / "config.json")]


def start_program(
    folder: Path, document: Document, command: Sequence[str], count: int, variables: Mapping[str, str] | None = None
) -> list[Worker]:
    """`count` ranks of one group, each the same command with the variables that the operator gives."""
    return _group(folder, document, count, variables, lambda environment, log: _popen(command, environment, log))


def _popen(command: Sequence[str], environment: Mapping[str, str], log_file: Path) -> Process:
    with log_file.open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _group(
    folder: Path,
    document: Document,
    count: int,
    variables: Mapping[str, str] | None,
    start: Start,
) -> list[Worker]:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.json"
    config.write_text(json.dumps(document))
    group = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "GLOO_SOCKET_IFNAME": "lo",
        "LIMBECK_CONFIG": str(config),
    }
    return [_worker(folder, {**group, "RANK": str(rank), **(variables or {})}, start) for rank in range(count)]


def _worker(folder: Path, variables: Mapping[str, str], start: Start) -> Worker:
    rank = variables["RANK"]
    result_file, log_file = folder / f"result-{rank}.json", folder / f"log-{rank}.txt"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    environment = {
        **inherited,
        "PYTHONPATH": str(REPOSITORY / "runtime" / "trainer"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "USE_LIBUV": "0",
        "LIMBECK_RESULT_FILE": str(result_file),
        **variables,
    }
    process = start(environment, log_file)
    _started.append(process)
    return Worker(process, result_file, log_file)
