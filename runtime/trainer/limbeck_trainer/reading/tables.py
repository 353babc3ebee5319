"""Tables → samples: which columns are features, how words become numbers, what a missing value means.

The rules, the same for every format:
- Features are all columns but the target, what pandas has written of its index, and what has no name, as that index in
  a CSV; or those that are named.
- A feature is a number unless `categorical` names it; text that is no number is then an error, never a guess.
- A category is coded by its index among the sorted values of the whole data set. Inside the model it becomes one-hot.
- A missing feature is an error or, with `missing: impute`, NaN in x: the model takes the mean of the training rows for
  a number, and none of the categories for a category. A missing target is always an error. Infinity is too.
- Classes are the sorted values of the target (numbers by size), or `labels` in the order given.
- Where all classes, or all categories of a column, are whole numbers, 3.0 is 3, whoever has written it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from limbeck_trainer.data_config import Columns, Reading
from limbeck_trainer.reading.columns import finite, numbers, words
from limbeck_trainer.reading.files import invalid
from limbeck_trainer.reading.readers import index_columns
from limbeck_trainer.reading.rounding import Rounding
from limbeck_trainer.reading.spelling import among, classes_of, in_order, spelled
from limbeck_trainer.samples import Feature, Floats, Ints

# More are names or numbers, not kinds; each is an input of the model.
MOST_CATEGORIES = 4096
MOST_CLASSES = 65536


@dataclass
class Survey:
    """What all tables of a data set together say; every table is added, in order, before any is encoded."""

    reading: Reading
    names: tuple[str, ...] | None = None
    categories: dict[str, set[str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    # Of what was encoded so far, too.
    rounding: Rounding = field(default_factory=Rounding)

    def add(self, name: str, table: pa.Table) -> npt.NDArray[Any]:
        """The target of each row: float32 [n] for a regression, else a provisional int64 code; see `classes`."""
        columns, names = self.reading.columns, _features(self.reading, name, table)
        if self.names is not None and self.names != names:
            invalid(f"{name} has the features {list(names)}, the file before {list(self.names)}. Make them the same.")
        self.names = names
        for feature in columns.categorical:
            found = {value for value in words(name, feature, table[feature]) if value is not None}
            known = self.categories.setdefault(feature, set())
            known |= found
            if len(known) > MOST_CATEGORIES:
                what = f"The column {feature!r} of {name} has more than {MOST_CATEGORIES} categories"
                invalid(f"{what}. Leave it out of data.columns.features, or group its values.")
        return self._target(name, table)

    def _target(self, name: str, table: pa.Table) -> npt.NDArray[Any]:
        target = target_of(self.reading, name, table)
        if self.reading.task == "regression":
            found = finite(name, target, numbers(name, target, table[target]), False)
            self.rounding.add(target, found)
            return found.astype(np.float32)
        values = words(name, target, table[target])
        codes = [self._code(name, target, row, value) for row, value in enumerate(values, start=1)]
        return np.array(codes, dtype=np.int64)

    def _code(self, name: str, target: str, row: int, value: str | None) -> int:
        if value is None:
            invalid(f"The target {target!r} is missing in row {row} of {name}. Fill it, or remove the row.")
        labels = self.reading.labels
        if labels and among(value, labels) not in labels:
            what = f"The target {target!r} is {value!r} in row {row} of {name}"
            invalid(f"{what}, which data.labels does not list. Correct one of the two.")
        code = self.codes.setdefault(value, len(self.codes))
        if code >= MOST_CLASSES:
            invalid(f"The target {target!r} has more than {MOST_CLASSES} values. Is this a regression?")
        return code

    def features(self) -> tuple[Feature, ...]:
        """The columns of x."""
        impute = self.reading.columns.missing == "impute"
        known = {name: tuple(in_order({*spelled(values).values()})) for name, values in self.categories.items()}
        empty = next((name for name, values in known.items() if not values), None)
        if empty is not None:
            invalid(f"The column {empty!r} has no value at all. Leave it out of data.columns.features.")
        return tuple(Feature(name, known.get(name, ()), impute) for name in self.names or ())

    def classes(self, codes: Ints) -> tuple[Ints, tuple[str, ...]]:
        """Provisional codes → class indices, and the labels."""
        written, labels = classes_of(self.codes, self.reading.labels)
        index = {label: position for position, label in enumerate(labels)}
        final = np.array([index[written[value]] for value in self.codes], dtype=np.int64)
        return final[codes], labels


def encode(name: str, table: pa.Table, features: tuple[Feature, ...], rounding: Rounding | None = None) -> Floats:
    """x: float32 [n, features] of one table; `rounding` takes note of it."""
    return np.stack([_encoded(name, table, feature, rounding) for feature in features], axis=1)


def target_of(reading: Reading, name: str, table: pa.Table) -> str:
    """The name of the target's column: the one given, or `target`."""
    target = reading.columns.target or "target"
    _check_columns(name, table, [target], "data.columns.target")
    return target


def _encoded(name: str, table: pa.Table, feature: Feature, rounding: Rounding | None) -> Floats:
    column = table[feature.name]
    if not feature.categories:
        values = finite(name, feature.name, numbers(name, feature.name, column), feature.impute)
        if rounding is not None:
            rounding.add(feature.name, values)
        return values.astype(np.float32)
    index = {value: float(position) for position, value in enumerate(feature.categories)}
    found = words(name, feature.name, column)
    codes = [np.nan if word is None else index[among(word, index)] for word in found]
    return finite(name, feature.name, np.array(codes), feature.impute).astype(np.float32)


def _features(reading: Reading, name: str, table: pa.Table) -> tuple[str, ...]:
    columns, target = reading.columns, target_of(reading, name, table)
    _check_columns(name, table, columns.features, "data.columns.features")
    _check_columns(name, table, columns.categorical, "data.columns.categorical")
    others = (index_columns(table) | {""}) - {*columns.categorical} | {target}
    names = columns.features or tuple(column for column in table.column_names if column not in others)
    if not names:
        invalid(f"{name} has no column besides the target {target!r}. Add features.")
    _check_uses(columns, names, target)
    return names


def _check_uses(columns: Columns, names: tuple[str, ...], target: str) -> None:
    if target in names:
        invalid(f"data.columns.features lists the target {target!r}: the model would only learn to copy it.")
    stranger = next((column for column in columns.categorical if column not in names), None)
    if stranger is not None:
        invalid(f"data.columns.categorical lists {stranger!r}, which is no feature. Add it to data.columns.features.")


def _check_columns(name: str, table: pa.Table, wanted: Iterable[str], where: str) -> None:
    known = table.column_names
    unknown = next((column for column in wanted if column not in known), None)
    if unknown is not None:
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        invalid(f"{name} has no column {unknown!r}; it has {shown}. Correct {where}.")
