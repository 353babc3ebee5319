"""The scratch volume of a pod: made once, whole or not at all, whoever dies over it; a failure is everybody's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.scratch import Scratch, pour
from support import REPOSITORY, until

# A process of a pod: it says that it has begun to make the thing, and makes it when it may.
PROCESS = """
import os, sys, time
from pathlib import Path
from limbeck_trainer.scratch import Scratch

folder, me = Path(sys.argv[1]), sys.argv[2]

def make(part):
    (part / "half").write_text(me)
    (folder / f"begun-{me}").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    (part / "whole").write_text(me)

(folder / f"here-{me}").touch()
print((Scratch(folder / "pod").once("thing", make) / "whole").read_text())
"""


def start(folder: Path, name: str) -> subprocess.Popen[str]:
    """A process of the pod whose folder is `folder/pod`."""
    (folder / "pod").mkdir(exist_ok=True)
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "runtime" / "trainer"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROCESS, str(folder), name]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)


def test_the_first_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    first = start(tmp_path, "a")
    until((tmp_path / "begun-a").exists)
    others = [start(tmp_path, name) for name in "bc"]
    until(lambda: all((tmp_path / f"here-{name}").exists() for name in "bc"))
    assert not (tmp_path / "pod" / "thing").exists()
    (tmp_path / "go").touch()
    assert [process.communicate(timeout=60)[0] for process in (first, *others)] == ["a\n"] * 3
    assert sorted(path.name for path in tmp_path.glob("begun-*")) == ["begun-a"]


def test_who_dies_over_it_leaves_it_to_the_next(tmp_path: Path) -> None:
    first = start(tmp_path, "a")
    until((tmp_path / "begun-a").exists)
    second = start(tmp_path, "b")
    until((tmp_path / "here-b").exists)
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    until((tmp_path / "begun-b").exists)
    assert not (tmp_path / "pod" / "thing").exists()
    (tmp_path / "go").touch()
    assert second.communicate(timeout=60)[0] == "b\n"
    assert {path.name: path.read_text() for path in (tmp_path / "pod" / "thing").iterdir()} == {
        "half": "b",
        "whole": "b",
    }


def test_a_failure_is_everybodys_and_is_not_tried_again(tmp_path: Path) -> None:
    asked = []

    def make(part: Path) -> None:
        asked.append(part)
        (part / "half").touch()
        raise TrainerError(Reason.DATA_MISSING, "There is no such data. Upload it.")

    for _ in range(3):
        with pytest.raises(TrainerError, match=r"^There is no such data\. Upload it\.$") as caught:
            Scratch(tmp_path).once("thing", make)
        assert caught.value.reason is Reason.DATA_MISSING
    assert len(asked) == 1
    assert not any(path.is_dir() for path in tmp_path.iterdir())


def test_a_crash_is_the_makers_own(tmp_path: Path) -> None:
    def crash(part: Path) -> None:
        (part / "half").touch()
        raise LookupError("a surprise")

    with pytest.raises(LookupError):
        Scratch(tmp_path).once("thing", crash)
    whole = Scratch(tmp_path).once("thing", lambda part: (part / "whole").touch())
    assert [path.name for path in whole.iterdir()] == ["whole"]


def test_alone_a_process_has_a_folder_of_its_own() -> None:
    made = [Scratch().once("thing", lambda part: (part / "whole").touch()) for _ in range(2)]
    assert made[0] != made[1]
    assert (Scratch().common, Scratch(made[0]).common) == (False, True)


def test_a_full_disk_is_told_by_all_with_the_remedy(small_disk: Path) -> None:
    asked = []

    def make(part: Path) -> None:
        asked.append(part)
        with (part / "weights").open("wb", buffering=0) as file:
            pour([b"x" * 300_000] * 4, file, "the weights")

    for _ in range(2):
        words = r"no room for the weights \(No space left on device\)\. Free the disk"
        with pytest.raises(TrainerError, match=words) as caught:
            Scratch(small_disk).once("thing", make)
        assert caught.value.reason is Reason.CRASHED
    assert len(asked) == 1
    assert sum(path.stat().st_size for path in small_disk.rglob("*") if path.is_file()) < 1000


def test_a_file_begins_anew_with_each_try(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        first = pour([b"longer ", b"than the second"], file, "it")
        second = pour([b"short"], file, "it")
        assert (file.read(), first == second) == (b"short", False)
