"""One Arrow column → words or numbers; the first row that is neither is named."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from limbeck_trainer.reading.files import invalid

Doubles = npt.NDArray[np.float64]
# Below it a float64 is one whole number, and no other.
EXACT = float(2**53)


def words(name: str, column: str, values: pa.ChunkedArray) -> list[str | None]:
    """A column as text: whole numbers by their digits, truth as true and false.

    Each value by itself: in another file, which may have other numbers beside it, it is the same class or category.
    """
    values, kind = _plain(name, column, values)
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.and_(pc.equal(values, pc.round(values)), pc.less(pc.abs(values), EXACT))
        digits = pc.if_else(whole, values, 0).cast(pa.int64()).cast(pa.string())
        values = pc.if_else(whole, digits, values.cast(pa.string()))
    elif not (_is_text(kind) or _is_number(kind) or pa.types.is_null(kind)):
        _wrong_type(name, column, kind)
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    return texts


def numbers(name: str, column: str, values: pa.ChunkedArray) -> Doubles:
    """A column as float64 [n]; NaN is missing."""
    values, kind = _plain(name, column, values)
    if _is_text(kind):
        values = _parsed(name, column, values)
    elif not (_is_number(kind) or pa.types.is_null(kind)):
        _wrong_type(name, column, kind)
    result: Doubles = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return result.astype(np.float64)


def _plain(name: str, column: str, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.DataType]:
    """The values and their type, of which there is a kernel for everything that is done here."""
    if pa.types.is_dictionary(values.type):
        # An index that is out of bounds would be looked up beyond them.
        _check_whole(name, column, values)
        values = values.cast(values.type.value_type)
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    if _is_text(values.type):
        _check_whole(name, column, values)
    return values, values.type


def _check_whole(name: str, column: str, values: pa.ChunkedArray) -> None:
    """A Parquet file may have any bytes for a text, and any numbers for indices."""
    try:
        values.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowIndexError) as error:
        invalid(f"The column {column!r} of {name} is damaged, or its texts are not UTF-8: {error}. Write it again.")


def _parsed(name: str, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(values)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        row, text = next((row, text) for row, text in enumerate(trimmed.to_pylist(), 1) if not _is_float(text))
        what = f"The column {column!r} of {name} has {text!r} in row {row}, which is no number."
        invalid(f"{what} Name the column in data.columns.categorical, leave it out of features, or mend the row.")


def _is_float(text: str | None) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def finite(name: str, column: str, values: Doubles, impute: bool) -> Doubles:
    """The values, or the first row whose value is missing or does not fit into float32."""
    missing = np.isnan(values)
    if missing.any() and not impute:
        row = int(np.flatnonzero(missing)[0]) + 1
        remedy = "Fill it, remove the row, or set data.columns.missing to impute (features only)."
        invalid(f"The column {column!r} of {name} has no value in row {row} (empty, null or NaN). {remedy}")
    with np.errstate(over="ignore"):
        infinite = np.isinf(values.astype(np.float32))
    if infinite.any():
        row = int(np.flatnonzero(infinite)[0]) + 1
        what = f"The column {column!r} of {name} has {values[row - 1]:g} in row {row}, which no 32-bit number holds."
        invalid(f"{what} Scale the column, or remove the row.")
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def _wrong_type(name: str, column: str, kind: pa.DataType) -> None:
    what = f"The column {column!r} of {name} is of the type {kind}; only numbers and text can be learnt from."
    invalid(f"{what} Convert it, or leave it out of data.columns.features.")
