"""Shards of a stream: what the first pass learns of each, and how each becomes samples in every later one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from limbeck_trainer.data_config import Reading
from limbeck_trainer.reading.arrays import check_classes, check_shape, read_arrays
from limbeck_trainer.reading.files import File, Files, invalid, refuse_text
from limbeck_trainer.reading.readers import read_table
from limbeck_trainer.reading.rounding import Rounding
from limbeck_trainer.reading.tables import Survey, encode
from limbeck_trainer.samples import Feature, Floats, Ints

# x of a shard, its targets or provisional class codes, and the name of each code; None for a regression.
Surveyed = tuple[Floats, npt.NDArray[Any], dict[int, str] | None]


class ShardReader(Protocol):
    """One format of shards. `features`, `document` and `shape` are known after the last `survey`."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a table."""

    @property
    def document(self) -> Mapping[str, object]:
        """For the manifest."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""

    def survey(self, file: File, content: bytes) -> Surveyed:
        """The first look at a shard; in x a category is not coded yet, and 0."""

    def targets(self, found: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
        """All targets or codes, in order -> y and the labels."""

    def decode(self, file: File, content: bytes) -> Floats:
        """x of a shard."""


def shard_reader(kind: str, files: Files, reading: Reading) -> ShardReader:
    """The reader of a format with many samples in a file."""
    if kind == "text":
        refuse_text(files)
    return ArrayShards(files, reading) if kind == "npz" else TableShards(kind, files, reading)


class ArrayShards:
    """.npz files."""

    features: tuple[Feature, ...] = ()
    document: Mapping[str, object] = {}

    def __init__(self, files: Files, reading: Reading) -> None:
        self._files = files
        self._reading = reading
        self._first: Floats | None = None
        self._rounding = Rounding()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        assert self._first is not None
        return self._first.shape[1:]

    def survey(self, file: File, content: bytes) -> Surveyed:
        """x, y and the class of each index."""
        x, y = read_arrays(file.name, content, self._reading.task, self._rounding)
        if self._first is None:
            self._first = x[:1].copy()
        check_shape(file.name, x, self._first)
        if self._reading.task == "regression":
            return x, y.reshape(-1), None
        return x, y, {int(code): str(code) for code in np.unique(y)}

    def targets(self, found: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
        """Class indices stay as they are."""
        self._rounding.check(self._files.name)
        if self._reading.task == "regression":
            return found, ()
        return found, check_classes(self._files.name, found, self._reading.labels)

    def decode(self, file: File, content: bytes) -> Floats:
        """x of a shard."""
        return read_arrays(file.name, content, self._reading.task)[0]


class TableShards:
    """Tables of CSV, Parquet or JSON Lines."""

    def __init__(self, kind: str, files: Files, reading: Reading) -> None:
        self._kind = kind
        self._files = files
        self._reading = reading
        self._survey = Survey(reading)
        self._features: tuple[Feature, ...] = ()

    @property
    def features(self) -> tuple[Feature, ...]:
        """With the categories of all shards."""
        self._features = self._features or self._survey.features()
        return self._features

    @property
    def document(self) -> Mapping[str, object]:
        """The columns."""
        return {"kind": "table", "columns": [feature.document() for feature in self.features]}

    @property
    def shape(self) -> tuple[int, ...]:
        """One number per column."""
        return (len(self.features),)

    def survey(self, file: File, content: bytes) -> Surveyed:
        """Numbers of x, and a provisional code for each class."""
        table = read_table(self._kind, file.name, content)
        targets = self._survey.add(file.name, table)
        columns = self._reading.columns
        numbers = tuple(name for name in self._survey.names or () if name not in columns.categorical)
        x = np.zeros((table.num_rows, len(self._survey.names or ())), dtype=np.float32)
        places = [index for index, name in enumerate(self._survey.names or ()) if name in numbers]
        if numbers:
            features = tuple(Feature(name, (), self._impute) for name in numbers)
            x[:, places] = encode(file.name, table, features, self._survey.rounding)
        if self._reading.task == "regression":
            return x, targets, None
        return x, targets, {code: name for name, code in self._survey.codes.items()}

    @property
    def _impute(self) -> bool:
        return self._reading.columns.missing == "impute"

    def targets(self, found: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
        """Codes -> class indices."""
        self._survey.rounding.check(self._files.name)
        if self._reading.task == "regression":
            return found, ()
        y, labels = self._survey.classes(found)
        check_several(self._files, y, labels, self._reading)
        return y, labels

    def decode(self, file: File, content: bytes) -> Floats:
        """x of a shard."""
        return encode(file.name, read_table(self._kind, file.name, content), self.features)


def check_several(files: Files, y: Ints, labels: tuple[str, ...], reading: Reading) -> None:
    """There is nothing to tell apart in one class."""
    if len(np.unique(y)) < 2:
        target = reading.columns.target or "target"
        invalid(f"{files.name} has one class only: {target!r} is always {labels[int(y[0])]!r}. Add samples of others.")
