"""Data sets, the split, and every way a file can be wrong."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from limbeck_trainer.data import load, load_data, split_rows
from limbeck_trainer.data_config import Builtin, Claimed, Data, Reading, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Linear
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from sklearn.datasets import load_digits
from support import digits_file

DIGITS = Builtin("digits")


def data(**changes: Any) -> Data:
    return Data(**{"source": DIGITS, "validation": 0.1, "test": 0.2, "split_seed": 7, "labelled": None, **changes})


def test_digits_are_those_of_scikit_learn() -> None:
    ours, theirs = load_data(DIGITS, Store()), load_digits()
    assert ours.x.dtype == np.float32
    assert ours.shape == (1, 8, 8)
    np.testing.assert_array_equal(ours.x[:, 0], theirs.images)
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert ours.labels == tuple("0123456789")
    assert len(ours.sha256) == 64


def test_split_is_complete_disjoint_and_stratified() -> None:
    y = load_data(DIGITS, Store()).y
    rows = split_rows(y, data())
    joined = np.concatenate([rows.train, rows.validation, rows.test])
    np.testing.assert_array_equal(np.sort(joined), np.arange(len(y)))
    for label in range(10):
        size = int((y == label).sum())
        assert int((y[rows.test] == label).sum()) == round(size * 0.2)
        assert int((y[rows.validation] == label).sum()) == round(size * 0.1)


def test_split_follows_its_seed_alone() -> None:
    y = load_data(DIGITS, Store()).y
    np.testing.assert_array_equal(split_rows(y, data()).test, split_rows(y, data(labelled=50)).test)
    assert not np.array_equal(split_rows(y, data()).test, split_rows(y, data(split_seed=8)).test)


@pytest.mark.parametrize("count", [10, 11, 57, 100, 1258])
def test_labelled_is_a_stratified_part_of_train(count: int) -> None:
    y = load_data(DIGITS, Store()).y
    rows = split_rows(y, data(labelled=count))
    assert len(rows.labelled) == len(np.unique(rows.labelled)) == count
    assert np.isin(rows.labelled, rows.train).all()
    shares = np.bincount(y[rows.labelled], minlength=10)
    ideal = np.bincount(y[rows.train]) * count / len(rows.train)
    assert shares.min() >= 1
    assert np.abs(shares - ideal).max() <= 1.5


def test_without_a_number_every_training_row_has_its_label() -> None:
    rows = split_rows(load_data(DIGITS, Store()).y, data())
    np.testing.assert_array_equal(rows.labelled, rows.train)


@pytest.mark.parametrize("count", [9, 1800])
def test_an_impossible_number_of_labels_is_refused(count: int) -> None:
    with pytest.raises(TrainerError, match=f"data.labelled is {count}"):
        split_rows(load_data(DIGITS, Store()).y, data(labelled=count))


def test_a_class_too_small_for_the_split_is_named() -> None:
    words = "The data set digits has 1 sample of the class 'rare': too few for the split. Add samples of it"
    with pytest.raises(TrainerError, match=words) as caught:
        split_rows(np.array([0, 0, 0, 0, 0, 1]), data(), ("frequent", "rare"))
    assert caught.value.reason is Reason.DATA_INVALID


@pytest.mark.parametrize("window", [None, 1])
@pytest.mark.parametrize(
    ("labels", "often", "rare"), [((), "often", "rare"), (("b", "a"), "a", "b"), (("1", "0"), "0", "1")]
)
def test_a_class_too_small_for_the_split_is_named_with_its_source(
    tmp_path: Path, window: int | None, labels: tuple[str, ...], often: str, rare: str
) -> None:
    """As a stream, too, whatever the seed."""
    (tmp_path / "t.csv").write_text("a,target\n" + f"1,{often}\n" * 30 + f"2,{rare}\n")
    words = f"of the volume claim disk has 1 sample of the class '{rare}': too few for the split"
    for seed in range(20):
        source = Claimed("disk", str(tmp_path), None)
        wanted = data(source=source, split_seed=seed, reading=Reading(labels=labels), window=window)
        with pytest.raises(TrainerError, match=words) as caught:
            load(wanted, Linear(), Store(), Scratch())
        assert caught.value.reason is Reason.DATA_INVALID


def test_a_stream_trains_on_every_class_or_says_which_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,target\n" + "1,often\n" * 60 + "2,rare\n" * 3)
    refused = 0
    for seed in range(60):
        wanted = data(source=Claimed("disk", str(tmp_path), None), test=0.4, split_seed=seed, window=1)
        try:
            dataset, rows = load(wanted, Linear(), Store(), Scratch())
        except TrainerError as error:
            assert "has 3 samples of the class 'rare': too few for the split" in error.message
            refused += 1
        else:
            assert np.unique(dataset.y[rows.train]).tolist() == [0, 1]
    assert 0 < refused < 30


def test_a_file_is_read_raw_with_its_digest(tmp_path: Path) -> None:
    uri = digits_file(tmp_path, x=np.arange(12, dtype=np.int16).reshape(4, 3), y=np.array([0, 1, 2, 0], np.uint8))
    digest = hashlib.sha256((tmp_path / "data.npz").read_bytes()).hexdigest()
    dataset = load_data(Stored(uri, digest), Store())
    assert [str(array.dtype) for array in (dataset.x, dataset.y)] == ["float32", "int64"]
    assert dataset.labels == ("0", "1", "2")
    assert dataset.sha256 == digest


X = np.zeros((4, 3))
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("nan", {"x": np.full((4, 3), np.nan), "y": [0, 1, 0, 1]}, "not finite"),
    ("too large for float32", {"x": np.full((4, 3), 1e300), "y": [0, 1, 0, 1]}, "not finite"),
    ("one class only", {"x": X, "y": [0, 0, 0, 0]}, "has one class only: y is always 0. Add"),
    ("a gap in the labels", {"x": X, "y": [0, 2, 0, 2]}, "class indices 0..classes-1"),
    ("negative label", {"x": X, "y": [-1, 0, 1, 0]}, "class indices 0..classes-1"),
    ("labels as floats", {"x": X, "y": [0.0, 1.0, 0.0, 1.0]}, "of integers"),
    ("ragged", {"x": X, "y": [0, 1, 0]}, "of integers"),
    ("no samples", {"x": np.zeros((0, 3)), "y": np.zeros(0, np.int64)}, "has no samples. Add some"),
    (
        "samples of nothing",
        {"x": np.zeros((4, 0)), "y": [0, 1, 0, 1]},
        r"has samples of no numbers: x is \[4, 0\]\. Give",
    ),
    ("rows of nothing", {"x": np.zeros((4, 2, 0)), "y": [0, 1, 0, 1]}, r"no numbers: x is \[4, 2, 0\]\. Give"),
    ("targets alone", {"x": np.zeros((0, 0)), "y": [0, 1, 0, 1]}, "has no samples"),
    ("no targets", {"x": X, "y": np.zeros(0, np.int64)}, r"must have y as \[4\] of integers, one for each sample"),
    ("NaN in one row", {"x": [[1.0], [2], [np.nan], [4]], "y": [0, 1, 0, 1]}, "first in row 3: remove NaN"),
    ("strings", {"x": np.full((4, 3), "a"), "y": [0, 1, 0, 1]}, "of real numbers"),
    ("objects", {"x": np.full((4, 3), None), "y": [0, 1, 0, 1]}, "must be an .npz"),
]


@pytest.mark.parametrize(("arrays", "sentence"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_data_is_refused_with_a_sentence(tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TrainerError, match=sentence) as caught:
        load_data(Stored(digits_file(tmp_path, **arrays), None), Store())
    assert caught.value.reason is Reason.DATA_INVALID


def one_array() -> bytes:
    """What numpy.save writes."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((4, 3), dtype=np.float32))
    return buffer.getvalue()


def encrypted() -> bytes:
    """An archive whose members say that they need a password."""
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros((4, 3), dtype=np.float32), y=np.zeros(4, dtype=np.int64))
    content = bytearray(buffer.getvalue())
    # The general purpose flags of a local header and of one of the central directory (APPNOTE.TXT, 4.3.7 and 4.3.12).
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            content[at + place] |= 1
    return bytes(content)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken", one_array(), encrypted()])
def test_a_file_that_is_no_npz(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(TrainerError, match=r"must be an \.npz"):
        load_data(Stored((tmp_path / "data.npz").as_uri(), None), Store())


def test_a_wrong_digest_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="has the sha256") as caught:
        load_data(Stored(digits_file(tmp_path), "0" * 64), Store())
    assert caught.value.reason is Reason.DATA_INVALID
    with pytest.raises(TrainerError, match="does not exist") as caught:
        load_data(Stored((tmp_path / "absent.npz").as_uri(), None), Store())
    assert caught.value.reason is Reason.DATA_MISSING


def test_labels_give_class_indices_their_names_and_their_range(tmp_path: Path) -> None:
    source = Stored(digits_file(tmp_path), None)
    assert load_data(source, Store(), Reading(labels=("a", "b", "c", "d"))).labels == ("a", "b", "c", "d")
    with pytest.raises(TrainerError, match=r"has in y the class 3 in row 4, but data\.labels lists 3"):
        load_data(source, Store(), Reading(labels=("a", "b", "c")))
    with pytest.raises(TrainerError, match=r"has one class only: y is always 1\. Add"):
        load_data(Stored(digits_file(tmp_path, y=[1] * 200), None), Store(), Reading(labels=("a", "b")))


def test_a_regression_reads_any_number_and_splits_plainly(tmp_path: Path) -> None:
    uri = digits_file(tmp_path, y=np.linspace(-1, 1, 200))
    dataset = load_data(Stored(uri, None), Store(), Reading(task="regression"))
    assert (str(dataset.y.dtype), dataset.labels, dataset.outputs) == ("float32", (), 1)
    rows = split_rows(dataset.y, data(reading=Reading(task="regression")))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (140, 20, 40)
    with pytest.raises(TrainerError, match="target in y that is no finite 32-bit number, first in row 2"):
        wrong = digits_file(tmp_path, y=[0, np.nan, *np.zeros(198)])
        load_data(Stored(wrong, None), Store(), Reading(task="regression"))
