"""Sources as files: what is there, in which order, with which digest, and what is said of what is not there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Claimed, Hub, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.files import of_format, open_source
from limbeck_trainer.store import Store
from support import REPOSITORY

TABLE = "a,target\n1,x\n2,y\n"


def test_a_folder_in_the_store_is_every_object_below_it(s3: dict[str, str]) -> None:
    store = Store()
    for name in ("b.csv", "a.csv", "deep/c.csv", ".hidden.csv", "_temporary/d.csv"):
        store.put(f"s3://limbeck/shards/{name}", TABLE.encode())
    files = open_source(Stored("s3://limbeck/shards/", None), store)
    assert [file.path for file in files.files] == ["a.csv", "b.csv", "deep/c.csv"]
    assert len(load_data(Stored("s3://limbeck/shards/", None), store).y) == 6


def test_the_digest_of_a_folder_is_that_of_sha256sum(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(TABLE + f"3,{name[0]}\n")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "c.csv").write_text(TABLE)
    (tmp_path / "folder").symlink_to(".cache")
    (tmp_path / "link.csv").symlink_to("b.csv")
    found = "find -L . -type f -name '*.csv' -not -path '*/[._]*' -printf '%P\\n'"
    command = f"{found} | LC_ALL=C sort | xargs sha256sum | sha256sum"
    assert f"`{command}`" in " ".join((REPOSITORY / "docs" / "training.md").read_text().split())
    said = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    digest = said.stdout.split()[0]
    assert load_data(Claimed("claim", str(tmp_path), digest), Store()).sha256 == digest
    with pytest.raises(TrainerError, match=f"has the sha256 {digest}, not 0000") as caught:
        load_data(Claimed("claim", str(tmp_path), "0" * 64), Store())
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_name_with_a_line_break_passes_for_no_two_files(tmp_path: Path) -> None:
    names = ["a.csv", "b\nc.csv", "d\\e.csv"]
    for name in names:
        (tmp_path / name).write_text(TABLE)
    said = subprocess.run(["sha256sum", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    assert load_data(Claimed("claim", str(tmp_path), None), Store()).sha256 == hashlib.sha256(said).hexdigest()


def test_a_name_that_is_no_unicode_stays_what_it_is(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    (tmp_path / name).write_text(TABLE)
    said = subprocess.run(["sha256sum", name], cwd=tmp_path, capture_output=True, check=True).stdout
    assert load_data(Claimed("claim", str(tmp_path), None), Store()).sha256 == hashlib.sha256(said).hexdigest()


def test_a_folder_that_is_no_unicode_names_no_class(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"tea"):
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / "1.png").touch()
    with pytest.raises(TrainerError, match=r"folder 'caf\\udce9' names a class and is not UTF-8\. Rename it") as caught:
        load_data(Claimed("claim", str(tmp_path), None), Store())
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_wrong_digest_is_told_before_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("nonsense")
    digest = hashlib.sha256(b"nonsense").hexdigest()
    with pytest.raises(TrainerError, match=rf"t\.csv of the volume claim disk has the sha256 {digest}, not 1111"):
        load_data(Claimed("disk", str(tmp_path / "t.csv"), "1" * 64), Store())


@pytest.mark.parametrize("path", ["absent.csv", "absent", "empty"])
def test_what_is_not_on_the_volume_may_still_come(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainerError, match=rf"{path} of the volume claim disk does not exist") as caught:
        load_data(Claimed("disk", str(tmp_path / path), None), Store())
    assert caught.value.reason is Reason.DATA_MISSING


@pytest.mark.parametrize("key", ["absent.csv", "absent/"])
def test_what_is_not_in_the_store_may_still_come(s3: Any, key: str) -> None:
    with pytest.raises(TrainerError, match=rf"s3://limbeck/{key} does not exist\. Upload it") as caught:
        load_data(Stored(f"s3://limbeck/{key}", None), Store())
    assert caught.value.reason is Reason.DATA_MISSING


def test_a_data_set_of_the_hub_is_the_files_of_its_split(s3: dict[str, str]) -> None:
    store = Store()
    named = ("data/train-00000-of-00002.csv", "data/train-00001-of-00002.csv", "train/more.csv", "train.csv")
    for path in (*named, "data/test-00000-of-00001.csv", "training.csv", "README.md"):
        store.put(f"s3://limbeck/datasets/letters/{path}", TABLE.encode())
    files = open_source(Hub("s3://limbeck/datasets/letters/", "train", None), store)
    assert [file.path for file in files.files] == sorted(named)
    with pytest.raises(TrainerError, match=r"has no file of the split 'dev'; it has README\.md, data/test-.*hf\.split"):
        open_source(Hub("s3://limbeck/datasets/letters/", "dev", None), store)


def test_a_file_that_goes_while_others_are_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.csv").write_text(TABLE)
    for source in (Claimed("disk", str(tmp_path), None), Stored(f"{tmp_path.as_uri()}/", None)):
        (tmp_path / "b.csv").write_text(TABLE)
        files = open_source(source, Store()).files
        (tmp_path / "b.csv").unlink()
        assert files[0].read() == TABLE.encode()
        for look in (files[1].read, lambda files=files: files[1].opened().__enter__()):
            with pytest.raises(TrainerError, match=r"The data set .*b\.csv.* does not exist") as caught:
                look()
            assert caught.value.reason is Reason.DATA_MISSING


def test_a_volume_has_the_files_of_all_its_folders_and_of_what_links_lead_to(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (root / "deep" / "deeper", root / ".hidden", elsewhere):
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text(TABLE)
    (root / "link.csv").symlink_to(elsewhere / "t.csv")
    (root / "nowhere.csv").symlink_to(elsewhere / "gone.csv")
    (root / "folder").symlink_to(elsewhere)
    files = open_source(Claimed("disk", str(root), None), Store())
    assert [file.path for file in files.files] == ["deep/deeper/t.csv", "folder/t.csv", "link.csv", "nowhere.csv"]
    with pytest.raises(TrainerError, match=r"The data set nowhere\.csv in .* does not exist") as caught:
        files.files[3].read()
    assert caught.value.reason is Reason.DATA_MISSING


def test_of_many_files_little_is_in_memory() -> None:
    class Many(Store):
        def list(self, prefix: str) -> tuple[str, ...]:
            return tuple(f"{prefix}class/{number:07}.png" for number in range(10_000))

    tracemalloc.start()
    kind, files = of_format(open_source(Stored("s3://bucket/some/longer/prefix/", None), Many()), None)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (kind, len(files.files), files.files[9_999].path) == ("images", 10_000, "class/0009999.png")
    assert held < 150 * 10_000


LOOK = """
import sys
from limbeck_trainer.data_config import Claimed
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.reading.files import open_source
from limbeck_trainer.store import Store
try:
    open_source(Claimed("claim", sys.argv[1], None), Store())
except TrainerError as error:
    print(error.reason, error.message)
"""


@pytest.mark.parametrize("closed", ["", "deep", "closed/deeper"])
def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(closed: str) -> None:
    """Seen by the user of the image: root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        root, shut = Path(name), Path(name) / closed
        (root / "closed" / "deeper").mkdir(parents=True)
        (root / "deep").mkdir()
        for folder in (root, root / "closed"):
            folder.chmod(0o755)
        shut.chmod(0o700)
        arguments = [sys.executable, "-c", LOOK, name]
        said = subprocess.run(arguments, env=dict(os.environ), user=65532, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("StoreUnavailable")
    assert "cannot be read: Permission denied. Let the group 65532 read it." in said.stdout
