"""Starts programs of one's own as the operator does."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from support import REPOSITORY, Document, config_document, contract, progress_of
from workers import Worker, start_program

PACKAGE = REPOSITORY / "runtime" / "custom"


def module_of_package(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A part of the package in this process, for the length of a test."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("limbeck_custom")]:
        monkeypatch.delitem(sys.modules, loaded)
    return importlib.import_module(f"limbeck_custom.{name}")


def document(store: str, batch: int = 100) -> Document:
    """The config of such a job, as the operator writes it."""
    return config_document(
        store,
        task="regression",
        model={"kind": "custom", "image": "example/least-squares:1", "command": ["python3", "/app/train.py"]},
        data={"source": {"kind": "none"}, "split": {"validation": 0.1, "test": 0.2, "seed": 0}},
        optimization={"optimizer": "sgd", "learningRate": 0.01, "epochs": 10, "batchSize": batch},
    )


def start(folder: Path, config: Document, command: Sequence[str], count: int = 1) -> list[Worker]:
    """What the operator starts, on loopback: every rank with the config and the variables of torchrun."""
    jsonschema.validate(config, contract("trainer-config"))
    return start_program(folder, config, [sys.executable, *command], count, {"PYTHONPATH": str(PACKAGE)})


def step_of(config: Document) -> int:
    """How far it says that it is; 0 while it says nothing."""
    try:
        step: int = progress_of(config)["step"]
    except OSError:
        return 0
    return step
