"""What the trainer's tests share: configs, runs inside this process, and real worker processes on loopback."""

from __future__ import annotations

import contextlib
import copy
import errno
import io
import itertools
import json
import os
import random
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from limbeck_trainer.config import parse_config
from limbeck_trainer.data import split_rows
from limbeck_trainer.environment import Environment
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.job import run
from limbeck_trainer.log import Log
from limbeck_trainer.progress import Board
from limbeck_trainer.reading.web import Web
from limbeck_trainer.session import Session
from limbeck_trainer.store import PATIENT, Patience, Store
from pyarrow import parquet

REPOSITORY = Path(__file__).resolve().parents[3]
CONTRACTS = REPOSITORY / "crds" / "contracts"
# Beside these tests there is a whole cluster, whose pods together weigh ten times as much as all tests do: two workers
# that need seconds alone once needed more than 120.
PATIENCE_SECONDS = 400
Document = dict[str, Any]


def contract(name: str) -> Document:
    """One of the JSON Schemas that operator and trainer share."""
    schema: Document = json.loads((CONTRACTS / f"{name}.schema.json").read_text())
    return schema


def config_document(store: str, **changes: Any) -> Document:
    """A quick, good config; `changes` replaces top-level fields, and merges into `optimization`."""
    document: Document = {
        "contractVersion": "v1",
        "run": {"namespace": "default", "name": "digits", "uid": "u1", "attempt": 1},
        "store": {"runUri": f"{store}/runs/default/digits-u1", "modelsUri": f"{store}/models"},
        "task": "classification",
        "model": {"kind": "mlp", "hidden": [16]},
        "data": {
            "source": {"kind": "builtin", "name": "digits"},
            "split": {"validation": 0.1, "test": 0.2, "seed": 7},
        },
        "optimization": {
            "optimizer": "adam",
            "learningRate": 0.01,
            "schedule": "oneCycle",
            "epochs": 4,
            "batchSize": 64,
            "seed": 1,
        },
        "checkpoint": {"everySeconds": 3600, "keep": 2},
        "progressPort": free_port(),
    }
    changes = copy.deepcopy(changes)
    document["optimization"] |= changes.pop("optimization", {})
    return {**document, **changes}


def attempt(document: Document, number: int) -> Document:
    """The same run, attempted again."""
    return {**document, "run": {**document["run"], "attempt": number}, "progressPort": free_port()}


def distilling(document: Document, teacher: Document, /, **changes: Any) -> Document:
    """The config as a distillation from the artefact of a result."""
    distillation = {
        "teacher": {"uri": teacher["artefact"]["uri"], "sha256": teacher["artefact"]["sha256"]},
        "method": {"kind": "response", "temperature": 4, "alpha": 0.9},
        "control": True,
    }
    return {**document, "distillation": {**distillation, **changes}}


def alone() -> Environment:
    """A group of one."""
    return Environment(0, 1, "", 29500, 1, Path("/dev/null"))


def session(document: Document, log: Callable[[str], None] = lambda _line: None) -> Session:
    """A session of this process that nobody interrupts."""
    return Session(parse_config(document), Store(), Board(), Interruption(lambda _error: None), Log({}, log))


def run_here(document: Document, log: Callable[[str], None] = lambda _line: None) -> Document:
    """A whole run inside this process; its result."""
    result = run(session(document, log), alone())
    assert result is not None
    return result


def digits_file(folder: Path, **changes: Any) -> str:
    """An .npz of 200 samples and 4 classes, separable but not trivially; `changes` replaces arrays. Returns its URI."""
    random = np.random.default_rng(3)
    y = np.arange(200) % 4
    x = random.normal(size=(200, 6)).astype(np.float32) + 3 * np.eye(6, dtype=np.float32)[y]
    path = folder / "data.npz"
    np.savez(path, **{"x": x, "y": y, **changes})
    return path.as_uri()


def parquet_of(rows: pa.Table | Sequence[Mapping[str, Any]]) -> bytes:
    """A Parquet file of a table, or of its rows."""
    buffer = io.BytesIO()
    parquet.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def spoiled(folder: Path, part: str, **changes: Any) -> Document:
    """A config of small numbers, among which is a sample, in this part of the split, that no float32 can normalise."""
    source = {"kind": "s3", "uri": digits_file(folder)}
    data = {"source": source, "split": {"validation": 0.2, "test": 0.25, "seed": 0}}
    document = config_document((folder / "store").as_uri(), data=data, **changes)
    arrays = np.load(folder / "data.npz")
    x = arrays["x"] / 100
    x[getattr(split_rows(arrays["y"], parse_config(document).data), part)[0]] = 3e38
    digits_file(folder, x=x)
    return document


# Below those that the kernel gives to whoever connects, and those of Kubernetes' Services: nobody else comes upon one
# between the look and its use. Each process of xdist has its own, and so has whoever runs beside them without it.
PORTS_EACH = 1000
_worker = os.environ.get("PYTEST_XDIST_WORKER")
_first = 20_000 + PORTS_EACH * (0 if _worker is None else 1 + int(_worker.removeprefix("gw")))
_ports = itertools.cycle(random.Random().sample(range(_first, _first + PORTS_EACH), PORTS_EACH))


def free_port() -> int:
    """A loopback port that nobody listens on, and another one each time."""
    for port in itertools.islice(_ports, PORTS_EACH):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that knows of IPv4 alone, for the length of a test."""

    class Old(socket.socket):
        def __init__(self, family: int = -1, *more: Any, **named: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *more, **named)

    monkeypatch.setattr(socket, "socket", Old)


@dataclass
class Hours:
    """A clock that only sleeping moves, and who waits by it."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """At once."""
        self.pauses.append(seconds)
        self.now += seconds

    def web(self, patience: Patience = PATIENT) -> Web:
        """Web servers."""
        return Web(patience, lambda: self.now, self.sleep)

    def store(self, seconds: float) -> Store:
        """A store that is tried for so long."""
        return Store(Patience(seconds, first_pause=1), lambda: self.now, self.sleep)


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition of the world, with a bound that only a broken test reaches."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def stand_still(pid: int) -> None:
    """Stops a process; all its threads stand when this returns, of which `kill` is only the beginning."""
    os.kill(pid, signal.SIGSTOP)
    # The letter after the name, which may have spaces and parentheses itself: proc(5), `stat`.
    until(lambda: all(_state(thread) == "T" for thread in Path(f"/proc/{pid}/task").iterdir()))


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def progress_of(document: Document, timeout: float = 5) -> Document:
    """GET /progress of a running rank 0, or of whichever rank the config is of."""
    with urllib.request.urlopen(f"http://127.0.0.1:{document['progressPort']}/progress", timeout=timeout) as answer:
        body: Document = json.load(answer)
        return body


def metrics_of(document: Document) -> str:
    """GET /metrics of the same."""
    with urllib.request.urlopen(f"http://127.0.0.1:{document['progressPort']}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text
