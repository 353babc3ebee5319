"""Bytes of CSV, JSON Lines and Parquet → an Arrow table, or block by block what memory need not hold. What is wrong is
said with file, row and remedy.

Rows count from 1; a CSV's header is not counted. CSV cells stay text: whether a column is of numbers is decided by
what it is used for, never by its first rows.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from pyarrow import parquet

from limbeck_trainer.reading.files import invalid, text_of

# Cells of a CSV that stand for a missing value.
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Where JSON may have a surrogate that is alone, which no text of Arrow or of a tokenizer can hold.
HALF = re.compile(r"\\u[dD][89a-fA-F]")
# How much is parsed at once: lines of JSON, and rows of Parquet whose texts are about as long.
BLOCK_BYTES, BLOCK_ROWS = 1 << 20, 256
# Not what says that memory was too small. UnicodeDecodeError: the name of a column.
NO_PARQUET = (
    *(pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowKeyError, pa.ArrowIndexError),
    *(pa.ArrowCapacityError, pa.ArrowSerializationError, OSError, UnicodeDecodeError),
)
# Arrow takes no record of a CSV file that is longer.
RECORD_BYTES = 1 << 22


def read_table(kind: str, name: str, content: bytes) -> pa.Table:
    """One file as a table with at least one row."""
    table = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}[kind](name, content)
    _check_rows(name, table.num_rows)
    return table


def read_blocks(kind: str, name: str, stream: BinaryIO, texts: str = "") -> Iterator[tuple[int, pa.Table]]:
    """One file as tables of a few rows, each with the number of rows before it; at least one row in all.

    In the column `texts` of CSV no cell is missing: `null` is a word there, as any other.
    At most a block is in memory: BLOCK_BYTES or RECORD_BYTES of text, or the pages of as many columns as Parquet has.
    """
    rows = 0
    for table in {"csv": _csv_blocks, "jsonl": _json_blocks, "parquet": _parquet_blocks}[kind](name, stream):
        yield rows, _present(table, texts) if kind == "csv" else table
        rows += table.num_rows
    _check_rows(name, rows)


def _check_rows(name: str, rows: int) -> None:
    if rows == 0:
        invalid(f"{name} has no rows. Add samples, or remove the file.")


def _csv(name: str, content: bytes) -> pa.Table:
    # Arrow would not say where a file is not UTF-8.
    text_of(name, content)
    stream, ragged = io.BytesIO(content), Ragged()
    options = _csv_options(_header(name, stream), ragged, MISSING)
    try:
        table = arrow_csv.read_csv(stream, **options)
    except pa.ArrowInvalid as error:
        _no_csv(name, error)
    ragged.check(name)
    return table


def _present(table: pa.Table, texts: str) -> pa.Table:
    """Without the cells that stand for a missing value."""
    for place, column in enumerate(table.column_names):
        if column != texts:
            values = table[column]
            table = table.set_column(place, column, pc.if_else(pc.is_in(values, pa.array(MISSING)), None, values))
    return table


def _csv_blocks(name: str, stream: BinaryIO) -> Iterator[pa.Table]:
    ragged = Ragged()
    options = _csv_options(_header(name, stream), ragged, ())
    try:
        for batch in arrow_csv.open_csv(stream, **options):
            ragged.check(name)
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        _no_csv(name, error)
    ragged.check(name)


def _csv_options(names: list[str], ragged: Ragged, missing: Sequence[str]) -> dict[str, Any]:
    return {
        # One thread: only then does Arrow know the number of a bad row.
        "read_options": arrow_csv.ReadOptions(use_threads=False, block_size=RECORD_BYTES),
        "parse_options": arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=ragged.note),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=list(missing),
            strings_can_be_null=bool(missing),
        ),
    }


class Ragged:
    """Rows with more or fewer cells than the header, as Arrow meets them."""

    def __init__(self) -> None:
        self._rows: list[Any] = []

    def note(self, row: Any) -> str:
        """Arrow's handler of such rows."""
        self._rows.append(row)
        return "skip"

    def check(self, name: str) -> None:
        """DataInvalid names the first."""
        if not self._rows:
            return
        row = self._rows[0]
        where = f"row {row.number - 1}" if row.number else "a row"
        what = f"{where} of {name} has {row.actual_columns} cells, the header has {row.expected_columns}"
        invalid(f"{what}: {row.text[:80]!r}. Quote cells that hold commas, and fill every row.")


def _no_csv(name: str, error: Exception) -> NoReturn:
    invalid(f"{name} is not a CSV file: {error}. Write one header and one record per line.")


def _header(name: str, stream: BinaryIO) -> list[str]:
    """The names of the columns; the stream is then where Arrow is to begin, which knows no byte order mark."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        names = next(csv.reader(text, strict=True), [])
    except csv.Error as error:
        invalid(f"The header of {name} is no CSV: {error}. Write the names of the columns in the first line.")
    except UnicodeDecodeError as error:
        invalid(f"{name} is not UTF-8 at byte {error.start}. Save it as UTF-8.")
    finally:
        text.detach()
    _check_names(name, names)
    stream.seek(0)
    if stream.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
        stream.seek(0)
    return names


def _check_names(name: str, names: list[str]) -> None:
    if not names:
        invalid(f"{name} is empty. Write the names of the columns in the first line, and one sample per row.")
    double = next((column for index, column in enumerate(names) if column in names[:index]), None)
    if double is not None:
        invalid(f"{name} has two columns called {double!r}. Give every column its own name.")


def _json_lines(name: str, content: bytes) -> pa.Table:
    # Not splitlines: JSON may have other line breaks than this in its texts.
    lines = enumerate(text_of(name, content).split("\n"), start=1)
    return _json_table(name, [_object(name, number, line) for number, line in lines if line.strip()], 0)


def _json_blocks(name: str, stream: BinaryIO) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    size = before = 0
    for number, line in enumerate(stream, start=1):
        text = text_of(f"Row {number} of {name}", line)
        if text.strip():
            rows.append(_object(name, number, text))
        size += len(line)
        if size >= BLOCK_BYTES and rows:
            yield _json_table(name, rows, before)
            before += len(rows)
            rows, size = [], 0
    if rows:
        yield _json_table(name, rows, before)


def _json_table(name: str, rows: list[dict[str, Any]], before: int) -> pa.Table:
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [row.get(key) for row in rows] for key in names}
    return pa.table({key: _json_column(name, key, values, before) for key, values in columns.items()})


def _object(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if HALF.search(line):
            # No document: rows may have NaN, which is a missing value.
            json.dumps(row, ensure_ascii=False).encode()  # noqa: TID251
    except UnicodeEncodeError:
        what = f"Row {number} of {name} has half of a character, \\ud800 to \\udfff, without the other half"
        invalid(f"{what}. Write the text as UTF-8.")
    except (ValueError, RecursionError) as error:
        invalid(f"Row {number} of {name} is not JSON: {error}. Write one JSON object per line.")
    if not isinstance(row, dict):
        invalid(f"Row {number} of {name} is no JSON object. Write one JSON object per line.")
    return row


def _json_column(name: str, key: str, values: list[Any], before: int) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds: list[type] = []
        for number, value in enumerate(values, start=before + 1):
            kind = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
            if value is not None and kind not in kinds:
                kinds.append(kind)
            if len(kinds) > 1:
                invalid(
                    f"{key!r} is {value!r} in row {number} of {name}, and of another kind before. "
                    "Use one kind of value in a column."
                )
        return _numbers(name, key, values)


def _numbers(name: str, key: str, values: list[Any]) -> pa.Array:
    """Whole numbers among others, or beyond 64 bits: as near as a float64 comes to each."""
    try:
        return pa.array([None if value is None else float(value) for value in values], type=pa.float64())
    except (TypeError, ValueError, OverflowError, pa.ArrowNotImplementedError):
        invalid(f"{key!r} of {name} is of a kind that no column has. Use numbers, texts, or lists of them.")


def index_columns(table: pa.Table) -> frozenset[str]:
    """What pandas has written of a table's index, which tells rows apart and says nothing of them."""
    try:
        said = json.loads((table.schema.metadata or {})[b"pandas"])["index_columns"]
        # An index that only counts is no column.
        return frozenset(column for column in said if isinstance(column, str))
    except (KeyError, TypeError, ValueError, RecursionError):
        return frozenset()


def _parquet(name: str, content: bytes) -> pa.Table:
    try:
        table = parquet.ParquetFile(io.BytesIO(content)).read()
        names = table.column_names
    except NO_PARQUET as error:
        invalid(f"{name} is not a whole Parquet file: {error}. Upload it again.")
    _check_names(name, names)
    return table


def _parquet_blocks(name: str, stream: BinaryIO) -> Iterator[pa.Table]:
    try:
        # With a buffer it reads page by page, and not a column of a row group at once.
        file = parquet.ParquetFile(stream, buffer_size=BLOCK_BYTES)
        _check_names(name, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=BLOCK_ROWS):
            yield pa.Table.from_batches([batch])
    except NO_PARQUET as error:
        invalid(f"{name} is not a whole Parquet file: {error}. Upload it again.")
