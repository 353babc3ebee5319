"""Files that were never finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from limbeck_trainer.backends.contract import Unreachable
from limbeck_trainer.backends.file_system import Folder


def test_a_sweep_unlinks_what_a_killed_process_was_writing_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "a1"
    folder.mkdir(parents=True)
    kept = [folder / "step-1.pt", folder / ".step-1.pt", folder / "step-1.pt.7", tmp_path / ".step-1.pt.7"]
    for file in [*kept, folder / ".step-1.pt.7"]:
        file.write_bytes(b"x")
    Folder().sweep((tmp_path / "run").as_uri())
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == sorted(kept)


def test_a_write_that_is_swept_under_way_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder()
    monkeypatch.setattr(os, "fsync", lambda _file: folder.sweep(tmp_path.as_uri()))
    with pytest.raises(Unreachable, match="somebody removed") as caught:
        folder.put((tmp_path / "step-1.pt").as_uri(), b"x")
    assert caught.value.again


@pytest.mark.parametrize("name", ["C#/1.txt", "what?.png", "a b+ä.csv"])
def test_a_file_may_be_called_by_what_ends_the_path_of_a_url(tmp_path: Path, name: str) -> None:
    file = tmp_path / "files" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    for uri in (*Folder().list((tmp_path / "files").as_uri()), file.as_uri()):
        assert Folder().get(uri) == b"x"
