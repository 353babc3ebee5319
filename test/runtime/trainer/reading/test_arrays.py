"""Archives that are no .npz of numbers, however they came about: refused for good, and never a crash."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.arrays import check_classes, read_arrays
from limited import within

X, Y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
NOT_ONE = "t must be an .npz with the arrays x and y of numbers: "


def archive(**members: bytes) -> bytes:
    """A zip file with members of these bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npz(x: Any, y: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=x, y=y)
    return buffer.getvalue()


def claiming(header: str) -> bytes:
    """An archive whose x has this header, and no numbers."""
    text = header.ljust(117).encode() + b"\n"
    buffer = io.BytesIO()
    np.save(buffer, Y)
    return archive(x=b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text, y=buffer.getvalue())


def shaped(shape: str) -> bytes:
    return claiming(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}")


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz(np.array([[1, None]] * 4, object), Y), f"{NOT_ONE}Object arrays cannot be loaded"),
        (archive(x=b"no array", y=b"none"), r"t must have x as \[n, \.\.\.\] of real numbers, not \|S8 \[\]"),
        (
            shaped("(1000000000000, 3)"),
            f"{NOT_ONE}the header of x claims 24000000000000 bytes of numbers, and the file",
        ),
        (shaped("(100000000000000000000000, 3)"), f"{NOT_ONE}the header of x claims 24000000000000000"),
        (archive(x=b"no array"), f"{NOT_ONE}'y is not a file in the archive'"),
        (shaped("(-1, 3)"), f"{NOT_ONE}negative dimensions"),
        (shaped("((("), f"{NOT_ONE}.*unexpected EOF"),
        (npz(X.astype("m8[s]"), Y), "t must have x as .* not timedelta64"),
        (npz(X, Y.astype("m8[s]")), "t must have y as .* not timedelta64"),
        (npz(X > 3, Y), "t must have x as .* not bool"),
    ],
    ids=["objects", "no arrays", "huge", "beyond count", "no y", "negative", "torn", "times", "times in y", "truths"],
)
def test_what_is_no_array_of_numbers_is_refused(task: str, content: bytes, words: str) -> None:
    with pytest.raises(TrainerError, match=f"(?s){words}") as caught:
        read_arrays("t", content, task)
    assert caught.value.reason is Reason.DATA_INVALID


def lacks_memory(content: bytes) -> bool:
    """Whether that, and nothing else, keeps it from being read."""
    try:
        read_arrays("t", content, "classification")
    except (MemoryError, TrainerError) as error:
        return isinstance(error, MemoryError)
    return False


def test_a_whole_archive_that_memory_is_too_small_for_is_no_bad_data() -> None:
    """256 MiB of zeros, in few bytes: all that the header claims is there."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.zeros((4, 1 << 23)), y=Y)
    assert len(buffer.getvalue()) < 1 << 19
    assert within(64 << 20, lacks_memory, buffer.getvalue())


def test_a_class_that_no_whole_number_of_64_bits_is_is_refused() -> None:
    """As such it would be below zero."""
    huge = np.array([0, 2**63 + 5, 0, 0], np.uint64)
    with pytest.raises(TrainerError, match=r"indices 0..classes-1; it has 9223372036854775813 in row 2\."):
        read_arrays("t", npz(X, huge), "classification")


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64, np.int64])
def test_classes_may_be_of_any_size(kind: type) -> None:
    _, y = read_arrays("t", npz(X, Y.astype(kind)), "classification")
    assert (y.tolist(), y.dtype) == (Y.tolist(), np.int64)
    assert check_classes("t", y, ("a", "b")) == ("a", "b")
