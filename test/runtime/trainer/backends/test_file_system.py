"""Files that were never finished."""

from __future__ import annotations

from pathlib import Path

from limbeck_trainer.backends.file_system import Folder


def test_a_sweep_unlinks_what_a_killed_process_was_writing_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "a1"
    folder.mkdir(parents=True)
    kept = [folder / "step-1.pt", folder / ".step-1.pt", folder / "step-1.pt.7", tmp_path / ".step-1.pt.7"]
    for file in [*kept, folder / ".step-1.pt.7"]:
        file.write_bytes(b"x")
    Folder().sweep((tmp_path / "run").as_uri())
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == sorted(kept)
