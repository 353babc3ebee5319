"""The package from the source tree, and a real S3 server for the tests that need one."""

from __future__ import annotations

import os
import shutil
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

torch.set_num_threads(1)


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
    """versitygw over a folder with the bucket `limbeck`; the variables that a pod would get."""
    binary = os.environ.get("LIMBECK_VERSITYGW") or shutil.which("versitygw")
    assert binary, "set LIMBECK_VERSITYGW to the versitygw binary"
    root, port = tmp_path_factory.mktemp("s3"), support.free_port()
    (root / "limbeck").mkdir()
    keys = ["--access", "limbeck", "--secret", "limbeck-secret"]
    command = [binary, *keys, "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(root)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "limbeck",
            "AWS_SECRET_ACCESS_KEY": "limbeck-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def s3(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The S3 server's variables in this process too."""
    for key, value in s3_server.items():
        monkeypatch.setenv(key, value)
    return s3_server
