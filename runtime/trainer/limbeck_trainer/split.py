"""Which samples are trained on, which are watched, which are held out: a pure function of targets, seed and shares."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from limbeck_trainer.data_config import Data, name_of
from limbeck_trainer.reading.files import invalid
from limbeck_trainer.samples import Ints, Rows

# In a stream, every so many samples of a class are divided exactly; no share is finer than one of them.
BLOCK = 100
TRAIN, VALIDATION, TEST = 0, 1, 2

Parts = npt.NDArray[np.uint8]


def split_rows(y: npt.NDArray[Any], data: Data, labels: Sequence[str] = ()) -> Rows:
    """Divides every class by the same fractions, with the split's seed; what has no classes as if it had one.

    `labels` are the names of the classes, for messages.
    """
    random = np.random.default_rng(data.split_seed)
    classes = _classes(y, data)
    parts: list[list[Ints]] = [[], [], []]
    for label in np.unique(classes):
        members = random.permutation(np.flatnonzero(classes == label))
        tests, validations = _shares(len(members), data)
        if tests + validations >= len(members):
            _too_few(len(members), int(label), data, labels)
        cuts = np.split(members, [tests, tests + validations])
        for part, cut in zip(parts, cuts, strict=True):
            part.append(cut)
    test, validation, train = (np.sort(np.concatenate(part)) for part in parts)
    labelled = train if data.labelled is None else _stratified(classes, train, data.labelled, random)
    return Rows(train, validation, test, labelled)


def stream_rows(parts: Parts, y: npt.NDArray[Any], data: Data, labels: Sequence[str] = ()) -> Rows:
    """The rows of a stream from the part of each; a class is refused that is too small for `split_rows`, too.

    Of few samples chance may have left none for the training.
    """
    train, validation, test = (np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST))
    classes = _classes(y, data)
    sizes = np.bincount(classes)
    trained = np.bincount(classes[train], minlength=len(sizes))
    for label in np.flatnonzero(sizes):
        size = int(sizes[label])
        if trained[label] == 0 or sum(_shares(size, data)) >= size:
            _too_few(size, int(label), data, labels)
    if len(test) == 0:
        invalid(
            f"{name_of(data.source)} has too few samples to have any for test. Add samples, or raise data.split.test."
        )
    return Rows(train, validation, test, train)


def _classes(y: npt.NDArray[Any], data: Data) -> Ints:
    classified = data.reading.task == "classification"
    return y if classified else np.zeros(len(y), dtype=np.int64)


def _shares(size: int, data: Data) -> tuple[int, int]:
    """How many of so many samples of a class are for test and for validation."""
    return max(1, round(size * data.test)), round(size * data.validation)


def _too_few(size: int, label: int, data: Data, labels: Sequence[str]) -> NoReturn:
    what = f"{name_of(data.source)} has {size} sample{'' if size == 1 else 's'}"
    if data.reading.task == "classification":
        name = labels[label] if labels else str(label)
        invalid(f"{what} of the class {name!r}: too few for the split. Add samples of it, leave it out, or split less.")
    invalid(f"{what}: too few for the split. Add samples or split less.")


class StreamSplit:
    """Divides samples as they come by, class by class, without knowing how many will come.

    Of every 100 samples of a class, in the order of the stream, the same shares go into each part; which ones follows
    from the seed, the class and the number of the hundred alone.
    """

    def __init__(self, data: Data) -> None:
        self._seed = data.split_seed
        tests = max(1, round(data.test * BLOCK))
        self._pattern = np.full(BLOCK, TRAIN, dtype=np.uint8)
        self._pattern[:tests] = TEST
        self._pattern[tests : tests + round(data.validation * BLOCK)] = VALIDATION
        self._seen: dict[str, int] = {}

    def assign(self, classes: npt.NDArray[Any], names: dict[int, str]) -> Parts:
        """The part of each of the next samples; `names` tells the class of a code."""
        parts = np.empty(len(classes), dtype=np.uint8)
        for code in np.unique(classes):
            members = np.flatnonzero(classes == code)
            parts[members] = self._next(names[int(code)], len(members))
        return parts

    def _next(self, name: str, count: int) -> Parts:
        first = self._seen.get(name, 0)
        self._seen[name] = first + count
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
        blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
        dealt = [np.random.default_rng([self._seed, key, block]).permutation(self._pattern) for block in blocks]
        start = first % BLOCK
        parts: Parts = np.concatenate(dealt)[start : start + count]
        return parts


def _stratified(y: Ints, pool: Ints, count: int, random: np.random.Generator) -> Ints:
    """`count` rows of the pool, shared among the classes by their size: whole parts first, then the largest rests."""
    classes, sizes = np.unique(y[pool], return_counts=True)
    if not len(classes) <= count <= len(pool):
        invalid(f"data.labelled is {count}; it must be between {len(classes)} (classes) and {len(pool)} (pool).")
    # One for each class, the rest by size: no class may be without a label.
    ideal = (sizes - 1) * ((count - len(classes)) / max(1, len(pool) - len(classes)))
    shares = 1 + np.floor(ideal).astype(np.int64)
    largest_rests = np.argsort(-(ideal - np.floor(ideal)), kind="stable")
    shares[largest_rests[: count - int(shares.sum())]] += 1
    chosen = [random.permutation(pool[y[pool] == label])[:share] for label, share in zip(classes, shares, strict=True)]
    return np.sort(np.concatenate(chosen))
