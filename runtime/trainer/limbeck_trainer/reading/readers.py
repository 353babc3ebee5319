"""Bytes of CSV, JSON Lines and Parquet → an Arrow table. What is wrong is said with file, row and remedy.

Rows count from 1; a CSV's header is not counted. CSV cells stay text: whether a column is of numbers is decided by
what it is used for, never by its first rows.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
from pyarrow import parquet

from limbeck_trainer.reading.files import invalid, text_of

# Cells of a CSV that stand for a missing value.
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")


def read_table(kind: str, name: str, content: bytes) -> pa.Table:
    """One file as a table with at least one row."""
    table = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}[kind](name, content)
    if table.num_rows == 0:
        invalid(f"{name} has no rows. Add samples, or remove the file.")
    return table


def _csv(name: str, content: bytes) -> pa.Table:
    names = _header(name, text_of(name, content))
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")),
            # One thread: only then does Arrow know the number of a bad row.
            read_options=arrow_csv.ReadOptions(use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(MISSING),
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        invalid(f"{name} is not a CSV file: {error}. Write one header and one record per line.")
    if ragged:
        row = ragged[0]
        where = f"row {row.number - 1}" if row.number else "a row"
        what = f"{where} of {name} has {row.actual_columns} cells, the header has {row.expected_columns}"
        invalid(f"{what}: {row.text[:80]!r}. Quote cells that hold commas, and fill every row.")
    return table


def _header(name: str, text: str) -> list[str]:
    try:
        names = next(csv.reader(io.StringIO(text), strict=True), [])
    except csv.Error as error:
        invalid(f"The header of {name} is no CSV: {error}. Write the names of the columns in the first line.")
    _check_names(name, names)
    return names


def _check_names(name: str, names: list[str]) -> None:
    if not names:
        invalid(f"{name} is empty. Write the names of the columns in the first line, and one sample per row.")
    double = next((column for index, column in enumerate(names) if column in names[:index]), None)
    if double is not None:
        invalid(f"{name} has two columns called {double!r}. Give every column its own name.")


def _json_lines(name: str, content: bytes) -> pa.Table:
    rows = [
        _object(name, number, line)
        for number, line in enumerate(text_of(name, content).splitlines(), start=1)
        if line.strip()
    ]
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [row.get(key) for row in rows] for key in names}
    return pa.table({key: _json_column(name, key, values) for key, values in columns.items()})


def _object(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        invalid(f"Row {number} of {name} is not JSON: {error}. Write one JSON object per line.")
    if not isinstance(row, dict):
        invalid(f"Row {number} of {name} is no JSON object. Write one JSON object per line.")
    return row


def _json_column(name: str, key: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds: list[type] = []
        for number, value in enumerate(values, start=1):
            kind = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
            if value is not None and kind not in kinds:
                kinds.append(kind)
            if len(kinds) > 1:
                invalid(
                    f"{key!r} is {value!r} in row {number} of {name}, and of another kind before. "
                    "Use one kind of value in a column."
                )
        return pa.array(values, type=pa.float64())


def _parquet(name: str, content: bytes) -> pa.Table:
    try:
        table = parquet.ParquetFile(io.BytesIO(content)).read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        invalid(f"{name} is not a whole Parquet file: {error}. Upload it again.")
    _check_names(name, table.column_names)
    return table
