"""Every example of examples/training runs: the very config that the operator makes of it, on the data that it names."""

from __future__ import annotations

import fcntl
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
from hub_server import hub_server
from limbeck_trainer.store import Store
from support import REPOSITORY, Document, contract, free_port
from web_server import Quiet, web_server
from workers import Worker, start_program, start_workers

EXAMPLES = sorted((REPOSITORY / "test" / "golden" / "training").glob("*.json"))
PATIENT_CHECKPOINTS = {"everySeconds": 3600, "keep": 1}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What make-data.py makes, once for all processes of pytest: it takes a core for a quarter of a minute."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "examples"
    with (folder.parent / "examples.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make_data(folder)
    return folder


def _make_data(folder: Path) -> None:
    making = folder.with_suffix(".part")
    program = REPOSITORY / "examples" / "training" / "make-data.py"
    subprocess.run([sys.executable, str(program), str(making)], check=True)
    making.rename(folder)


class Files(Quiet, SimpleHTTPRequestHandler):
    """Answers with files."""


@pytest.fixture(scope="session")
def web(data: Path) -> Iterator[str]:
    """The data behind an address."""
    with web_server(functools.partial(Files, directory=str(data))) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def hub(data: Path) -> Iterator[str]:
    """A mirror of the Hub with the cells, as the Hub lays data sets out."""
    cells = sorted((data / "cells").iterdir())
    names = (f"data/train-{number:05}-of-{len(cells):05}.parquet" for number in range(len(cells)))
    files = {name: file.read_bytes() for name, file in zip(names, cells, strict=True)}
    with hub_server("clinic/cells", files) as server:
        yield server.url


def source_of(source: Document, data: Path, web: str, hub: str) -> Document:
    """The same source, where this test has it."""
    if source["kind"] == "pvc":
        return {**source, "path": str(data / source["path"].removeprefix("/data/"))}
    if source["kind"] == "https":
        return {**source, "url": web + urlsplit(source["url"]).path}
    if "mirror" in source:
        return {**source, "mirror": hub}
    return source


def upload(source: Document, data: Path) -> None:
    """What `aws s3 sync` does."""
    if source["kind"] != "s3":
        return
    store, folder = Store(), data / source["uri"].rstrip("/").rsplit("/", 1)[1]
    for file in folder.rglob("*"):
        if file.is_file():
            store.put(source["uri"].rstrip("/") + "/" + file.relative_to(folder).as_posix(), file.read_bytes())


def _start(folder: Path, document: Document, count: int) -> list[Worker]:
    """The trainer or, for a custom model, its own program, which its image has at /app."""
    if document["model"]["kind"] != "custom":
        return start_workers(folder, document, count)
    program, *arguments = document["model"]["command"]
    here = [argument.replace("/app/", f"{REPOSITORY}/examples/training/custom/") for argument in arguments]
    return start_program(folder, document, [program, *here], count, {"PYTHONPATH": str(REPOSITORY / "runtime/custom")})


def test_there_are_examples() -> None:
    names = {path.stem for path in (REPOSITORY / "examples" / "training").glob("*.yaml")}
    assert {path.stem for path in EXAMPLES} == names
    assert len(names) >= 4


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_the_example_trains_a_model_that_passes_its_gates(
    tmp_path: Path, path: Path, data: Path, web: str, hub: str, s3: dict[str, str]
) -> None:
    example: Document = json.loads(path.read_text())
    document = {**example["config"], "checkpoint": PATIENT_CHECKPOINTS, "progressPort": free_port()}
    jsonschema.validate(document, contract("trainer-config"))
    for source in (document["data"]["source"], document["model"].get("source", {"kind": "none"})):
        upload(source, data)
    document["data"] = {**document["data"], "source": source_of(document["data"]["source"], data, web, hub)}
    workers = _start(tmp_path, document, example["workers"])
    assert [worker.exit_code() for worker in workers] == [0] * len(workers), workers[0].log_file.read_text()
    metrics = workers[0].result()["metrics"]
    for gate in example["gates"]:
        measured = metrics[gate["metric"]]
        value = measured["value"] if isinstance(measured, dict) else measured
        assert value >= gate["atLeast"] if "atLeast" in gate else value <= gate["atMost"], (gate, metrics)
