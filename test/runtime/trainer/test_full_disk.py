"""A disk that is full at the end of a run: a reason, a remedy, and nothing half written that counts as done."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.exporting import export_proven
from limbeck_trainer.samples import Dataset, Rows
from limbeck_trainer.session import Material
from support import Document, attempt, config_document, run_here
from torch import nn
from workers import PRELOADED, forkserver, start_workers

ROOM = 1 << 20


def document_of(store: str, models: Path, **changes: Any) -> Document:
    """Checkpoints have room; the models are on a disk of one mebibyte."""
    document = config_document(store, optimization={"epochs": 1}, **changes)
    document["store"]["modelsUri"] = models.as_uri()
    return document


def refused(document: Document, words: str) -> TrainerError:
    with pytest.raises(TrainerError, match=words) as caught:
        run_here(document)
    return caught.value


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_model_without_room_is_told_and_leaves_nothing(store: str, small_disk: Path) -> None:
    document = document_of(store, small_disk, model={"kind": "mlp", "hidden": [4096]})
    error = refused(document, r"The store at file:.*/model\.onnx refused: No space left on device\. Make room in it: ")
    assert error.reason is Reason.STORE_UNAVAILABLE
    assert names(small_disk) == []


@pytest.mark.parametrize("missing", ["report.json", "report.html", "manifest.json"])
def test_without_room_for_all_of_it_there_is_no_artefact_and_with_room_the_next_attempt_finishes_it(
    store: str, small_disk: Path, missing: str
) -> None:
    """What is there of it fits: the manifest comes last."""
    document = document_of(store, small_disk)
    artefact = run_here(document)["artefact"]
    folder = Path(urlsplit(artefact["uri"]).path)
    sizes = {name: (folder / name).stat().st_size for name in names(folder)}
    for file in folder.iterdir():
        file.unlink()
    order = ["model.onnx", "report.json", "report.html", "manifest.json"]
    assert sorted(order) == sorted(sizes)
    pages = sum(-(-sizes[name] // 4096) for name in order[: order.index(missing)])
    # Of the one that is missing not even the first page fits.
    (small_disk / "others").write_bytes(b"x" * (ROOM - 4096 * pages))
    error = refused(attempt(document, 2), rf"/{missing} refused: No space left on device\. Make room in it: ")
    assert error.reason is Reason.STORE_UNAVAILABLE
    assert names(folder) == sorted(order[: order.index(missing)])
    (small_disk / "others").unlink()
    assert run_here(attempt(document, 3))["artefact"] == artefact
    assert names(folder) == sorted(order)


def export(size: int, answers: Any) -> None:
    """By a process that may write no byte to any file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    rows = np.arange(8)
    dataset = Dataset(np.ones((8, size), np.float32), rows % 2, ("a", "b"), "d")
    material = Material(dataset, Rows(rows, rows, rows, rows), torch.empty(0), torch.empty(0))
    artefact, (count, _) = export_proven(nn.Sequential(nn.Linear(size, 2)), material, 1)
    answers.put((len(artefact.content) > 4 * size, count))


def test_an_export_needs_no_disk() -> None:
    forkserver.set_forkserver_preload(PRELOADED)
    answers: Any = forkserver.SimpleQueue()
    exporter = forkserver.Process(target=export, args=(4096, answers))
    exporter.start()
    exporter.join(120)
    assert (exporter.exitcode, answers.get()) == (0, (True, 8))


@pytest.mark.parametrize("processes", ["1", "2"], ids=["one process", "a pod of two"])
def test_a_success_that_cannot_be_told_is_none(tmp_path: Path, store: str, processes: str) -> None:
    """As of a container whose node has no room for its last words: exit code 0 alone would say that all is well."""
    variables = {"LIMBECK_RESULT_FILE": "/dev/full"}
    if processes != "1":
        variables |= {"LOCAL_WORLD_SIZE": processes, "GROUP_RANK": "0", "WORLD_SIZE": processes, "RANK": ""}
    (worker,) = start_workers(tmp_path, config_document(store, optimization={"epochs": 1}), 1, variables)
    assert worker.exit_code() == 1, worker.log_file.read_text()
    last = worker.lines()[-1]
    assert last["level"] == "error"
    if processes == "1":
        assert last["error"] == (
            "The result cannot be written (No space left on device). Free the disk of the pod's node."
        )
        assert not worker.says("training succeeded")
    else:
        assert (last["message"], last["error"]) == ("result not written", "No space left on device")
