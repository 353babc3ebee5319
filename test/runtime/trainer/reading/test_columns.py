"""Columns as a stranger may have written them into a Parquet file, which nobody checks before they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.columns import numbers, words

Read = Callable[[str, str, pa.ChunkedArray], Any]
# Two texts of one byte each.
OFFSETS = pa.array([0, 1, 2], pa.int32()).buffers()[1]
NO_UNICODE = pa.StringArray.from_buffers(2, OFFSETS, pa.py_buffer(b"1\xff"))
INDICES = pa.array([0, 1], pa.int32())


@pytest.mark.parametrize("read", [words, numbers])
@pytest.mark.parametrize(
    "column",
    [
        NO_UNICODE,
        pa.DictionaryArray.from_arrays(INDICES, NO_UNICODE),
        pa.DictionaryArray.from_arrays(INDICES, pa.array(["1"]), safe=False),
        pa.DictionaryArray.from_arrays(INDICES, pa.array([1.5]), safe=False),
    ],
    ids=["no UTF-8", "no UTF-8 in a dictionary", "a text beyond the dictionary", "a number beyond the dictionary"],
)
def test_what_is_damaged_is_refused(read: Read, column: pa.Array) -> None:
    with pytest.raises(TrainerError, match=r"The column 'a' of t is damaged, or its texts are not UTF-8: .*") as caught:
        read("t", "a", pa.chunked_array([column]))
    assert caught.value.reason is Reason.DATA_INVALID


def test_small_floats_are_words_and_numbers_as_others_are() -> None:
    halves = pa.chunked_array([np.array([1, 2, 0.5], np.float16), np.array([-3], np.float16)])
    assert words("t", "a", halves) == ["1", "2", "0.5", "-3"]
    assert words("t", "a", halves.slice(0, 2)) == ["1", "2"]
    assert numbers("t", "a", halves).tolist() == [1, 2, 0.5, -3]


@pytest.mark.parametrize("beside", [[], [1.5], [float("nan")], [1e300], [None]])
def test_a_whole_number_is_the_same_word_whatever_is_beside_it(beside: list[float | None]) -> None:
    """Otherwise one category would be two of them in a folder of files."""
    column = pa.chunked_array([pa.array([4.0, 12345678901.0, -0.0, *beside], pa.float64())])
    assert words("t", "a", column)[:3] == ["4", "12345678901", "0"]


def test_texts_may_lie_in_memory_in_any_way() -> None:
    """As some writers of Parquet note it down."""
    column = pa.chunked_array([pa.array(["1", None, "3"], pa.string_view())])
    assert words("t", "a", column) == ["1", None, "3"]
    assert numbers("t", "a", column)[[0, 2]].tolist() == [1, 3]
