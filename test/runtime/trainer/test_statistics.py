"""Moments in pieces are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from limbeck_trainer.statistics import Moments, moments_of


@pytest.mark.parametrize("shape", [(1000, 5), (200, 3, 4, 6)])
@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_pieces_add_up(shape: tuple[int, ...], pieces: int) -> None:
    x = (np.random.default_rng(0).normal(1e4, 3, shape)).astype(np.float32)
    x[:, 1] = 5
    x[::3, 2] = np.nan
    moments = Moments()
    for piece in np.array_split(x, pieces):
        moments.add(piece)
    mean, deviation = moments.normalisation()
    axes, exact = (0, *range(2, x.ndim)), x.astype(np.float64)
    np.testing.assert_allclose(mean, np.nanmean(exact, axis=axes, keepdims=True), rtol=1e-12)
    expected = np.nanstd(exact, axis=axes, keepdims=True)
    expected[:, 1] = 1
    np.testing.assert_allclose(deviation, expected, rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1e-6, 1.0, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_a_unit_makes_no_column_a_constant(unit: float, offset: float) -> None:
    x = (np.random.default_rng(0).normal(offset, 1, (500, 2)) * unit).astype(np.float32)
    moments = Moments()
    for piece in np.array_split(x, 3):
        moments.add(piece)
    np.testing.assert_allclose(moments.normalisation()[1], x.astype(np.float64).std(axis=0, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize(
    "values",
    [[0.0], [0.1], [-3e8], [0.1, np.nextafter(np.float32(0.1), np.float32(1))], [np.nan], [1e-40, 3e-40]],
    ids=["zero", "a tenth", "large", "rounded up and down", "unknown", "less than float32 divides by"],
)
def test_what_does_not_change_but_by_rounding_is_left_as_it_is(values: list[float]) -> None:
    x = np.resize(np.array(values, dtype=np.float32), (300, 1))
    assert moments_of(x).normalisation()[1].tolist() == [[1.0]]


def test_only_the_rows_asked_for_count() -> None:
    x = np.arange(20, dtype=np.float32).reshape(10, 2)
    mean, _ = moments_of(x, np.array([0, 9])).normalisation()
    assert mean.tolist() == [[9, 10]]
