"""The package from the source tree, and a real S3 server for the tests that need one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "runtime" / "trainer"))

import support
import torch
import workers
from versity import versity

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_worker_survives_its_test() -> Iterator[None]:
    """Otherwise it would take a core from all the tests that follow."""
    yield
    workers.end_workers()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store in a folder."""
    return (tmp_path / "store").as_uri()


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> support.Document:
    """The result of a good teacher, trained once: a linear model is enough to teach with."""
    folder = tmp_path_factory.mktemp("teacher").as_uri()
    document = support.config_document(folder, model={"kind": "mlp", "hidden": [64]}, optimization={"epochs": 15})
    return support.run_here(document)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that a pod would get of a store that all tests share."""
    with versity(tmp_path_factory.mktemp("s3")) as server:
        yield server.variables


@pytest.fixture
def s3(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The S3 server's variables in this process too."""
    for key, value in s3_server.items():
        monkeypatch.setenv(key, value)
    return s3_server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte. Tests run in a mount namespace of their own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
