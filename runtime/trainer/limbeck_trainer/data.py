"""Data sets and how they are divided. A pure function of the source and the split's seed: every rank gets the same.

x is float32 [n, ...] exactly as the source has it: normalisation belongs to the model, so that the served model takes
raw data. y is int64 [n] with the class indices 0..classes-1.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from limbeck_trainer.config import Builtin, Data, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.store import ObjectMissing, Store

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """x: float32 [n, ...]; y: int64 [n]; one label per class; the digest of the source's bytes."""

    x: Floats
    y: Ints
    labels: tuple[str, ...]
    sha256: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.x.shape[1:]


@dataclass(frozen=True)
class Rows:
    """Row numbers of a data set, ascending and disjoint: train, validation, test; `labelled` is a part of train."""

    train: Ints
    validation: Ints
    test: Ints
    labelled: Ints


def load_data(source: Builtin | Stored, store: Store) -> Dataset:
    """The whole data set in memory, checked."""
    return _digits() if isinstance(source, Builtin) else _stored(source, store)


def split_rows(y: Ints, data: Data) -> Rows:
    """Divides every class by the same fractions, with the split's seed."""
    random = np.random.default_rng(data.split_seed)
    parts: list[list[Ints]] = [[], [], []]
    for label in np.unique(y):
        members = random.permutation(np.flatnonzero(y == label))
        tests = max(1, round(len(members) * data.test))
        validations = round(len(members) * data.validation)
        if tests + validations >= len(members):
            _invalid(f"Class {label} has {len(members)} samples: too few for the split. Add samples or split less.")
        cuts = np.split(members, [tests, tests + validations])
        for part, cut in zip(parts, cuts, strict=True):
            part.append(cut)
    test, validation, train = (np.sort(np.concatenate(part)) for part in parts)
    labelled = train if data.labelled is None else _stratified(y, train, data.labelled, random)
    return Rows(train, validation, test, labelled)


def _stratified(y: Ints, pool: Ints, count: int, random: np.random.Generator) -> Ints:
    """`count` rows of the pool, shared among the classes by their size: whole parts first, then the largest rests."""
    classes, sizes = np.unique(y[pool], return_counts=True)
    if not len(classes) <= count <= len(pool):
        _invalid(f"data.labelled is {count}; it must be between {len(classes)} (classes) and {len(pool)} (pool).")
    # One for each class, the rest by size: no class may be without a label.
    ideal = (sizes - 1) * ((count - len(classes)) / max(1, len(pool) - len(classes)))
    shares = 1 + np.floor(ideal).astype(np.int64)
    largest_rests = np.argsort(-(ideal - np.floor(ideal)), kind="stable")
    shares[largest_rests[: count - int(shares.sum())]] += 1
    chosen = [random.permutation(pool[y[pool] == label])[:share] for label, share in zip(classes, shares, strict=True)]
    return np.sort(np.concatenate(chosen))


def _digits() -> Dataset:
    """scikit-learn's handwritten digits: 1797 images of 8x8 with pixels 0..16, without importing scikit-learn."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise TrainerError(Reason.DATA_MISSING, "The data set digits is not in this image: install scikit-learn.")
    file = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    content = gzip.decompress(file.read_bytes())
    table = np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.float32)
    x = np.ascontiguousarray(table[:, :64]).reshape(-1, 1, 8, 8)
    y = table[:, 64].astype(np.int64)
    return Dataset(x, y, tuple(str(digit) for digit in range(10)), hashlib.sha256(content).hexdigest())


def _stored(source: Stored, store: Store) -> Dataset:
    try:
        content = store.get(source.uri)
    except ObjectMissing as error:
        message = f"The data set {source.uri} does not exist. Upload it, or correct data.source."
        raise TrainerError(Reason.DATA_MISSING, message) from error
    digest = hashlib.sha256(content).hexdigest()
    if source.sha256 is not None and digest != source.sha256:
        _invalid(f"{source.uri} has the sha256 {digest}, not {source.sha256}. It was changed, or the digest is wrong.")
    x, y = _arrays(source.uri, content)
    labels = tuple(str(index) for index in range(int(y.max()) + 1))
    return Dataset(x, y, labels, digest)


def _arrays(uri: str, content: bytes) -> tuple[Floats, Ints]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            x, y = archive["x"], archive["y"]
    except (KeyError, ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        _invalid(f"{uri} must be an .npz with the arrays x and y of numbers: {error}")
    problem = _problem(x, y)
    if problem is not None:
        _invalid(f"{uri} {problem}")
    return np.ascontiguousarray(x, dtype=np.float32), y.astype(np.int64)


def _problem(x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]) -> str | None:
    """What is wrong with the arrays, as the end of a sentence; None if nothing is."""
    if x.ndim < 2 or not np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.complexfloating):
        return f"must have x as [n, ...] of real numbers, not {x.dtype} {list(x.shape)}."
    if not np.issubdtype(y.dtype, np.integer) or y.shape != x.shape[:1]:
        return f"must have y as [{x.shape[0]}] of integers, not {y.dtype} {list(y.shape)}."
    if x.size == 0:
        return "has no samples."
    if not np.isfinite(x.astype(np.float32)).all():
        return "has values in x that are not finite 32-bit numbers: remove NaN and infinity."
    classes = np.unique(y)
    if len(classes) < 2 or not np.array_equal(classes, np.arange(len(classes))):
        return f"must have in y the class indices 0..classes-1, each at least once; it has {classes[:20].tolist()}."
    return None


def _invalid(message: str) -> NoReturn:
    raise TrainerError(Reason.DATA_INVALID, message)
