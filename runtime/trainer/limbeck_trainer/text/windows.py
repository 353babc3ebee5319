"""Windows of tokens that are cut out of their file when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from limbeck_trainer.samples import Ints, TokenIds

# First token and number of tokens of each piece, in the order in which the pieces follow one another.
Pieces = tuple[Ints, Ints]


class Windows:
    """The pieces of each part in a row, cut into windows of `length` tokens; each begins where the last one ends.

    A place counts the tokens of all pieces in their order. In memory are two numbers for each piece.
    """

    def __init__(self, tokens: npt.NDArray[Any], parts: Sequence[Pieces], length: int) -> None:
        self.length = length
        self._tokens = tokens
        starts, lengths = (np.concatenate(of_all) for of_all in zip(*parts, strict=True))
        self._ends: Ints = np.cumsum(lengths)
        # From the place of a token to where it is in the file.
        self._shifts: Ints = starts - (self._ends - lengths)
        sizes = [int(lengths.sum()) for _, lengths in parts]
        # Windows of each part: its first token is foretold by nothing.
        self.of_parts = [-(-max(0, size - 1) // length) for size in sizes]
        self._begins: Ints = np.cumsum([0, *sizes])
        self._rows: Ints = np.cumsum([0, *self.of_parts])

    def __len__(self) -> int:
        """Of all parts."""
        return int(self._rows[-1])

    def counts(self, rows: Ints) -> Ints:
        """How many tokens follow one of each of these windows within its part: each is foretold once."""
        firsts, limits = self._span(rows)
        counts: Ints = np.minimum(limits - firsts - 1, self.length)
        return counts

    def take(self, rows: Ints, ahead: int, filler: int) -> TokenIds:
        """[rows, length]: the tokens of these windows or, `ahead` of them, what follows each; `filler` past the end."""
        firsts, limits = self._span(rows)
        places = firsts[:, None] + np.arange(ahead, ahead + self.length)
        inside = places < limits[:, None]
        places = np.minimum(places, limits[:, None] - 1)
        found = self._tokens[places + self._to_file(places)].astype(np.int32)
        return np.where(inside, found, np.int32(filler))

    def _to_file(self, places: Ints) -> Ints:
        """The shift of each place [rows, length], which ascend in a row: looked up once where one piece has all."""
        first, last = np.searchsorted(self._ends, places[:, [0, -1]].T, side="right")
        shifts: Ints = np.repeat(self._shifts[first, None], self.length, axis=1)
        across = first != last
        shifts[across] = self._shifts[np.searchsorted(self._ends, places[across], side="right")]
        return shifts

    def _span(self, rows: Ints) -> tuple[Ints, Ints]:
        """The first place of each window, and the one after the last of its part."""
        parts = np.searchsorted(self._rows, rows, side="right") - 1
        return self._begins[parts] + self.length * (rows - self._rows[parts]), self._begins[parts + 1]


class WindowRows:
    """x or y of a corpus, int32 [n, length], by row numbers: see `Windows.take`."""

    def __init__(self, windows: Windows, ahead: int, filler: int) -> None:
        self._windows = windows
        self._ahead = ahead
        self._filler = filler
        self.shape = (len(windows), windows.length)

    @property
    def counts(self) -> TokenIds:
        """[n], how many tokens of each row are foretold."""
        return self._windows.counts(np.arange(len(self))).astype(np.int32)

    def __len__(self) -> int:
        """n."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> TokenIds:
        """The windows of these rows, in their order."""
        wanted: Ints = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        return self._windows.take(wanted, self._ahead, self._filler)
