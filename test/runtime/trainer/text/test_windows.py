"""Windows out of a file of tokens: every token but the first of a part is foretold once, by what stands before it."""

from __future__ import annotations

import numpy as np
import pytest
from limbeck_trainer.text.windows import WindowRows, Windows

END = 99


def windows(tokens: int, parts: list[list[tuple[int, int]]], length: int) -> tuple[WindowRows, WindowRows]:
    """x and y over the tokens 0, 1, 2, ...; of each part the pieces as (first token, number of tokens)."""
    pieces = [(np.array([start for start, _ in part]), np.array([size for _, size in part])) for part in parts]
    empty = np.empty(0, dtype=np.int64)
    pieces = [(starts, sizes) if len(starts) else (empty, empty) for starts, sizes in pieces]
    cut = Windows(np.arange(tokens, dtype=np.uint16), pieces, length)
    return WindowRows(cut, 0, END), WindowRows(cut, 1, -1)


def test_pieces_follow_one_another_and_the_rest_is_filled_up() -> None:
    x, y = windows(10, [[(1, 3), (6, 4)]], 4)
    assert x[:].tolist() == [[1, 2, 3, 6], [7, 8, 9, END]]
    assert y[:].tolist() == [[2, 3, 6, 7], [8, 9, -1, -1]]
    assert (y.counts.tolist(), x.shape, len(y)) == ([4, 2], (2, 4), 2)


def test_a_part_does_not_see_into_the_next() -> None:
    x, y = windows(20, [[(0, 3), (10, 2)], [], [(3, 7), (12, 8)]], 4)
    assert x[:].tolist() == [[0, 1, 2, 10], [3, 4, 5, 6], [7, 8, 9, 12], [13, 14, 15, 16], [17, 18, 19, END]]
    assert y[:].tolist() == [[1, 2, 10, 11], [4, 5, 6, 7], [8, 9, 12, 13], [14, 15, 16, 17], [18, 19, -1, -1]]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 9])
def test_no_token_is_lost_at_any_length(count: int) -> None:
    _, y = windows(count, [[(0, count)]], 4)
    foretold = y[:]
    assert foretold[foretold >= 0].tolist() == list(range(1, count))
    assert y.counts.sum() == count - 1


def test_rows_come_in_the_order_that_they_are_asked_for() -> None:
    x, _ = windows(100, [[(start, 10) for start in range(0, 100, 10)]], 3)
    whole = x[:]
    chosen = np.random.default_rng(1).permutation(len(x))[:12]
    np.testing.assert_array_equal(x[chosen], whole[chosen])
    np.testing.assert_array_equal(x[5:2:-1], whole[5:2:-1])
    assert x[np.empty(0, dtype=np.int64)].shape == (0, 3)


@pytest.mark.parametrize(("pieces", "most", "length"), [(3, 8, 4), (50, 14, 16), (200, 180, 16), (30, 4, 64)])
def test_windows_are_what_cutting_all_tokens_of_a_part_would_give(pieces: int, most: int, length: int) -> None:
    """However many pieces there are to a window, or windows to a piece."""
    for seed in range(10):
        random = np.random.default_rng(seed)
        sizes = random.integers(1, most, pieces)
        starts = np.cumsum(sizes) - sizes
        tokens, order = random.integers(0, 60000, sizes.sum()), random.permutation(pieces)
        parts = [np.sort(order[: pieces // 2]), np.sort(order[pieces // 2 :])]
        cut = Windows(tokens.astype(np.uint16), [(starts[part], sizes[part]) for part in parts], length)
        rows = []
        for part in parts:
            flat = np.concatenate([tokens[starts[piece] : starts[piece] + sizes[piece]] for piece in part])
            count = -(-(len(flat) - 1) // length)
            rows.append(np.append(flat, np.full(count * length + 1 - len(flat), -1)))
        inputs = np.concatenate([row[:-1].reshape(-1, length) for row in rows])
        targets = np.concatenate([row[1:].reshape(-1, length) for row in rows])
        np.testing.assert_array_equal(WindowRows(cut, 0, -1)[:], inputs)
        np.testing.assert_array_equal(WindowRows(cut, 1, -1)[:], targets)
        np.testing.assert_array_equal(WindowRows(cut, 1, -1).counts, (targets >= 0).sum(axis=1))
