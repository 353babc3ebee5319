"""Columns whose values 32 bits do not tell apart are refused, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from limbeck_trainer.data import load, load_data
from limbeck_trainer.data_config import Claimed, Columns, Data, Reading
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Linear
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from pyarrow import parquet


def day(seconds: float, count: int) -> list[float]:
    """So many times from noon on, these seconds apart."""
    return [1.7e9 + seconds * number for number in range(count)]


NOISY = [0.1 + 0.2, 0.3, 0.1 + 0.2, 0.3]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (day(1, 4), False),
        (day(0.25, 400), False),
        ([None, *day(1, 4)], False),
        ([2**24 + 1, 2**24 + 2, 2**24 + 3], False),
        ([1 + 1e-9, 1 + 2e-9, 1 + 4e-9], False),
        # Of a day enough is left, and of what 32 bits hold exactly all is.
        (day(600, 144), True),
        ([2**24, 2**24 + 2, 2**24 + 4], True),
        (np.random.default_rng(1).normal(size=400).tolist(), True),
        # One number, but for how it was computed; and one number.
        (NOISY, True),
        (day(0, 4), True),
        ([1.7e9, 0.0, 1.7e9 + 1], True),
    ],
)
def test_a_column_that_32_bits_cannot_tell_apart_is_refused(tmp_path: Path, values: list[Any], kept: bool) -> None:
    rows = [{"a": value, "target": str(row % 2)} for row, value in enumerate(values)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    source = Claimed("claim", str(tmp_path / "t.parquet"), None)
    reading = Reading(columns=Columns(missing="impute"))
    if kept:
        assert len(load_data(source, Store(), reading).x) == len(values)
        return
    with pytest.raises(TrainerError, match=r"The column 'a' of .*t\.parquet.* has values from .*Count from") as caught:
        load_data(source, Store(), reading)
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_target_that_32_bits_cannot_tell_apart_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,age\n1,1700000000\n2,1700000001\n")
    reading = Reading(task="regression", columns=Columns(target="age"))
    with pytest.raises(TrainerError, match=r"The column 'age' of .* from 1700000000 to 1700000001: .* by up to 1, "):
        load_data(Claimed("claim", str(tmp_path / "t.csv"), None), Store(), reading)


@pytest.mark.parametrize("window", [None, 1])
@pytest.mark.parametrize("part", ["x", "y"])
def test_arrays_that_32_bits_cannot_tell_apart_are_refused(tmp_path: Path, window: int | None, part: str) -> None:
    """Each file alone would do: the first is of an hour, the others of as many seconds as they have rows."""
    for number in range(3):
        times = np.array(day(60 if number == 0 else 1, 40))
        rest = np.random.default_rng(number).normal(size=40)
        x, y = (times, rest) if part == "x" else (rest, times)
        np.savez(tmp_path / f"{number}.npz", x=np.stack([rest, x], axis=1), y=y)
    reading = Reading(task="regression")
    data = Data(Claimed("claim", str(tmp_path), None), 0.1, 0.2, 1, None, reading, window)
    assert len(load(data, Linear(), Store(), Scratch())[0].y) == 120
    (tmp_path / "0.npz").unlink()
    column = re.escape("x[:, 1]" if part == "x" else "y")
    with pytest.raises(TrainerError, match=f"The column '{column}' of .* has values from 1700000000 to 1700000039"):
        load(data, Linear(), Store(), Scratch())


@pytest.mark.parametrize("window", [None, 1])
def test_what_is_told_apart_is_a_matter_of_the_whole_data_set(tmp_path: Path, window: int | None) -> None:
    """Files of a minute each are as good as one of all the minutes."""
    for number in range(20):
        minute = [f"{1_700_000_000 + 600 * number + 15 * row},{row % 2}" for row in range(4)]
        (tmp_path / f"{number:02}.csv").write_text("\n".join(["a,target", *minute]))
    data = Data(Claimed("claim", str(tmp_path), None), 0.1, 0.2, 1, None, Reading(), window)
    assert len(load(data, Linear(), Store(), Scratch())[0].y) == 80
    for number in range(1, 20):
        (tmp_path / f"{number:02}.csv").unlink()
    with pytest.raises(TrainerError, match=r"The column 'a' of .* has values from 1700000000 to 1700000045"):
        load(data, Linear(), Store(), Scratch())
