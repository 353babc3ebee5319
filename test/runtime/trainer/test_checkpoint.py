"""Checkpoints: newest valid of all attempts, corrupt ones skipped, only the last few kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from limbeck_trainer.checkpoint import Checkpoints, Due, Identity, Snap
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.log import Log
from limbeck_trainer.store import Store


class Shelf:
    """Checkpoints of any attempt in one folder, and what was logged."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: list[str] = []

    def of(self, attempt: int, keep: int = 2, **other: str) -> Checkpoints:
        """Of the `course`, `stage` and `data` that are named."""
        identity = Identity(self.root.as_uri(), attempt, other.get("course", "c"), keep, other.get("data", "d"))
        stage = other.get("stage", "model")
        noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
        return Checkpoints(Store(), identity, stage, Log({}, self.lines.append), lambda: noon)

    def file(self, attempt: int, step: int, suffix: str = "pt") -> Path:
        return self.root / f"a{attempt}" / "checkpoints" / "model" / f"step-{step:08d}.{suffix}"

    def steps(self) -> list[str]:
        return sorted(path.name for path in self.root.rglob("step-*"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_the_newest_of_all_attempts_wins(shelf: Shelf) -> None:
    assert shelf.of(1).newest().content is None
    shelf.of(1).save(Snap(10, b"ten"))
    shelf.of(2).save(Snap(30, b"thirty"))
    shelf.of(3).save(Snap(20, b"twenty"))
    assert shelf.of(4).newest().content == b"thirty"


def test_says_what_it_saved(shelf: Shelf) -> None:
    saved = shelf.of(1).save(Snap(10, b"ten"))
    assert (saved.step, saved.saved_at) == (10, "2026-11-26T12:00:00Z")
    assert saved.uri == shelf.file(1, 10).as_uri()
    assert json.loads(shelf.file(1, 10, "json").read_text())["sha256"] == saved.sha256
    assert shelf.of(2).newest().saved == saved


def test_a_pointer_without_a_time_is_that_of_an_older_trainer(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    pointer = shelf.file(1, 10, "json")
    pointer.write_text(json.dumps({k: v for k, v in json.loads(pointer.read_text()).items() if k != "savedAt"}))
    newest = shelf.of(2).newest()
    assert newest.content == b"ten"
    assert newest.saved is not None
    assert "savedAt" not in newest.saved.document()


@pytest.mark.parametrize(
    "damage", ["changed", "cut", "absent", "pointer cut", "pointer too deep", "pointer of another kind"]
)
def test_a_corrupt_one_is_skipped_for_the_one_before(shelf: Shelf, damage: str) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    shelf.of(2).save(Snap(20, b"twenty"))
    file, pointer = shelf.file(2, 20), shelf.file(2, 20, "json")
    match damage:
        case "changed":
            file.write_bytes(b"twentz")
        case "cut":
            file.write_bytes(b"")
        case "absent":
            file.unlink()
        case "pointer cut":
            pointer.write_text('{"step"')
        case "pointer too deep":
            pointer.write_text("[" * 100_000)
        case _:
            pointer.write_text("[]")
    newest = shelf.of(3).newest()
    assert newest.content == b"ten"
    assert newest.skipped.startswith("step 20 of attempt 2: ")
    assert [json.loads(line)["message"] for line in shelf.lines] == ["checkpoint skipped", "checkpoint found"]


def test_a_file_without_its_pointer_does_not_exist(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    shelf.file(1, 20).write_bytes(b"killed before its pointer")
    assert shelf.of(2).newest().content == b"ten"


def test_what_a_killed_attempt_has_left_is_gone_with_the_next(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    other = shelf.root / "a1" / "checkpoints" / "control" / "step-00000020.pt"
    other.parent.mkdir()
    other.write_bytes(b"of a stage that looks after itself")
    shelf.file(1, 20).write_bytes(b"killed before its pointer")
    shelf.of(2).newest()
    assert shelf.steps() == ["step-00000010.json", "step-00000010.pt", "step-00000020.pt"]
    assert other.exists()


def test_other_settings_and_other_stages_are_not_resumed(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    assert shelf.of(2, course="other").newest().content is None
    assert shelf.of(2, stage="control").newest().content is None


def test_a_run_does_not_go_on_with_other_data(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    words = r"The data has the sha256 e, and the checkpoint of step 10 was trained on d\. .* make a new job"
    with pytest.raises(TrainerError, match=words) as caught:
        # A model may be of another kind since the data has other axes.
        shelf.of(2, data="e").newest(lambda _content, _step: "it is of another kind of model")
    assert caught.value.reason is Reason.DATA_INVALID
    assert shelf.of(2, data="e", course="other").newest().content is None
    assert shelf.of(2).newest().content == b"ten"


def test_the_newest_valid_one_decides_which_data_a_run_has(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    shelf.of(1, data="e").save(Snap(20, b"twenty"))
    assert shelf.of(2, data="e").newest().content == b"twenty"
    shelf.file(1, 20).write_bytes(b"damaged")
    with pytest.raises(TrainerError, match="the checkpoint of step 10 was trained on d"):
        shelf.of(2, data="e").newest()


def test_a_pointer_without_the_digest_of_data_is_that_of_an_older_trainer(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    pointer = shelf.file(1, 10, "json")
    document = json.loads(pointer.read_text())
    assert document.pop("dataSha256") == "d"
    pointer.write_text(json.dumps(document))
    assert shelf.of(2, data="e").newest().content == b"ten"


def test_only_the_last_few_are_kept_over_attempts(shelf: Shelf) -> None:
    first = shelf.of(1)
    for step in (10, 20, 30):
        first.save(Snap(step, b"x"))
    assert shelf.steps() == [f"step-000000{step}.{end}" for step in (20, 30) for end in ("json", "pt")]
    second = shelf.of(2)
    second.newest()
    second.save(Snap(40, b"x"))
    assert shelf.steps() == [f"step-000000{step}.{end}" for step in (30, 40) for end in ("json", "pt")]


def test_a_real_store_is_left_with_the_last_few_and_with_what_is_not_theirs(tmp_path: Path, s3: dict[str, str]) -> None:
    root, store = f"s3://limbeck/{tmp_path.name}", Store()

    def of(attempt: int, stage: str = "model") -> Checkpoints:
        return Checkpoints(store, Identity(root, attempt, "c", 2, "d"), stage, Log({}, lambda _line: None))

    beside = [f"{root}-beside/a1/checkpoints/model/step-00000010.pt", f"{root}/a1/checkpoints/model/notes.txt"]
    for uri in beside:
        store.put(uri, b"not ours")
    of(1, "control").save(Snap(5, b"five"))
    first = of(1)
    for step in (10, 20, 30):
        first.save(Snap(step, b"x"))
    second = of(2)
    second.newest()
    second.save(Snap(40, b"forty"))
    kept = ("a1/checkpoints/control/step-00000005", "a1/checkpoints/model/step-00000030")
    kept += ("a2/checkpoints/model/step-00000040",)
    files = [f"{root}/{name}.{end}" for name in kept for end in ("json", "pt")]
    histories = [f"{root}/history/{stage}.json" for stage in ("control", "model")]
    assert store.list(root) == tuple(sorted([*files, *histories, beside[1]]))
    assert store.get(beside[0]) == b"not ours"
    assert of(3).newest().content == b"forty"


def test_why_each_newer_one_was_skipped_is_told_once(shelf: Shelf) -> None:
    shelf.of(1).save(Snap(10, b"ten"))
    shelf.of(1, course="other").save(Snap(20, b"twenty"))
    shelf.of(2).save(Snap(30, b"thirty"))
    shelf.file(2, 30).unlink()
    assert shelf.of(3).newest().skipped == (
        "step 30 of attempt 2: it is incomplete; step 20 of attempt 1: it belongs to a training with other settings"
    )
    shelf.file(1, 10).unlink()
    nothing = shelf.of(3).newest()
    assert (nothing.content, nothing.saved, nothing.skipped.count("; ")) == (None, None, 2)


def test_a_store_that_does_not_take_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "a1").write_text("in the way")
    with pytest.raises(TrainerError, match=r"refused: (Not a directory|File exists)"):
        Shelf(tmp_path).of(1).save(Snap(10, b"ten"))


def test_due_counts_from_the_last() -> None:
    now = [0.0]
    due = Due(5, lambda: now[0], 0.0)
    assert not due.passed()
    now[0] = 7
    assert due.passed()
    assert not due.again().passed()


@pytest.mark.parametrize("keep", [1, 2])
def test_newer_ones_that_are_damaged_do_not_push_out_what_is_saved_then(shelf: Shelf, keep: int) -> None:
    for step in (90, 100):
        shelf.of(1).save(Snap(step, b"whole"))
        shelf.file(1, step).write_bytes(b"damaged")
    second = shelf.of(2, keep)
    assert second.newest().content is None
    for step in (10, 20, 30):
        second.save(Snap(step, str(step).encode()))
        assert shelf.of(3).newest().content == str(step).encode()
    kept = [30] if keep == 1 else [20, 30]
    assert shelf.steps() == [f"step-000000{step}.{end}" for step in kept for end in ("json", "pt")]
