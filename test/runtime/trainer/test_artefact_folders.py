"""Where an artefact lies: whatever else is made of equal weights never changes what is there already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from custom_programs import document, start
from support import Document, attempt, config_document, run_here


def contents(result: Document) -> dict[str, bytes]:
    """Of the artefact's folder."""
    folder = Path(urlsplit(result["artefact"]["uri"]).path)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def folders(store: str) -> list[Path]:
    """Those of all models."""
    return sorted(path.parent for path in Path(urlsplit(f"{store}/models").path).rglob("model.onnx"))


def of_houses(store: str, folder: Path, header: str = "area,rooms,target", classes: str = "01") -> Document:
    """A short run on a table of two columns and two classes."""
    rows = [f"{number},{number % 7},{classes[number % 2]}" for number in range(40)]
    (folder / "t.csv").write_text("\n".join([header, *rows]))
    source = {"kind": "pvc", "claim": "c", "path": str(folder / "t.csv")}
    data = {"source": source, "split": {"validation": 0, "test": 0.25, "seed": 0}}
    changes = {"data": data, "model": {"kind": "linear"}, "optimization": {"epochs": 1}}
    return config_document(store, **changes)


ANOTHER = {"namespace": "default", "name": "another", "uid": "u2", "attempt": 1}


@pytest.mark.parametrize(
    "changes",
    [{"header": "area_m2,rooms,target"}, {"classes": "np"}, {}],
    ids=["a column renamed", "the classes renamed", "by another job"],
)
def test_a_later_run_with_equal_weights_changes_nothing_of_an_earlier_one(
    store: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    first = run_here(of_houses(store, tmp_path))
    before = contents(first)
    later = of_houses(store, tmp_path, **changes)
    run_uri = {"runUri": f"{store}/runs/default/another-u2"}
    second = run_here({**later, "run": ANOTHER, "store": {**later["store"], **run_uri}})
    assert second["artefact"]["sha256"] == first["artefact"]["sha256"]
    assert contents(first) == before
    assert contents(second) != before
    told = json.loads(contents(second)["report.json"])["run"]["name"]
    assert (told, len(folders(store))) == ("another", 2)


def test_an_attempt_after_one_that_was_killed_before_its_result_writes_the_same_folder(
    store: str, tmp_path: Path
) -> None:
    document = of_houses(store, tmp_path)
    first = run_here(document)
    before = contents(first)
    assert run_here(attempt(document, 2))["artefact"] == first["artefact"]
    assert (contents(first), len(folders(store))) == (before, 1)


def test_programs_of_ones_own_have_a_folder_for_each_manifest_too(store: str, tmp_path: Path) -> None:
    program = """
from limbeck_custom import Job
with Job.start() as job:
    job.succeed(job.publish(b"weights", [], [], labels=LABELS), {"n": 1})
"""
    told, results = [["0", "1"], ["neg", "pos"], ["0", "1"]], []
    for number, labels in enumerate(told):
        command = ["-c", program.replace("LABELS", repr(labels))]
        (worker,) = start(tmp_path / str(number), document(store), command)
        assert worker.exit_code() == 0, worker.log_file.read_text()
        results.append(worker.result())
    assert [json.loads(contents(result)["manifest.json"])["labels"] for result in results] == told
    assert results[0]["artefact"] == results[2]["artefact"]
    assert len(folders(store)) == 2
