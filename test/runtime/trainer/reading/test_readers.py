"""Tables block by block: the same rows with the same numbers as the whole, and no more of them at once than fit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.readers import BLOCK_BYTES, RECORD_BYTES, read_blocks, read_table
from support import parquet_of

ROWS = [{"id": number, "text": f'{number}, "quoted"\nand\u2028broken ' + "x" * 9000} for number in range(3000)]


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    cells = (f'{row["id"]},"{row["text"].replace(chr(34), chr(34) * 2)}"' for row in rows)
    return ("\ufeffid,text\n" + "\n".join(cells)).encode()


def jsonl_of(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {"csv": csv_of, "jsonl": jsonl_of, "parquet": parquet_of}


@pytest.mark.parametrize("kind", WRITERS)
def test_blocks_are_the_whole_in_its_order(kind: str) -> None:
    content = WRITERS[kind](ROWS)
    whole = read_table(kind, "t", content)
    blocks = list(read_blocks(kind, "t", io.BytesIO(content)))
    befores = [before for before, _ in blocks]
    assert befores == [sum(table.num_rows for _, table in blocks[:place]) for place in range(len(blocks))]
    assert pa.concat_tables([table for _, table in blocks]).to_pylist() == whole.to_pylist()
    assert whole["text"].to_pylist() == [row["text"] for row in ROWS]
    most = {"csv": RECORD_BYTES, "jsonl": BLOCK_BYTES, "parquet": 256 * 9100}[kind]
    assert max(table.nbytes for _, table in blocks) < 1.1 * most < whole.nbytes


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_row_that_is_wrong_is_named_however_far_it_is(kind: str) -> None:
    content = WRITERS[kind](ROWS)
    broken, words = {
        "csv": (content + b"\nalone", r"row 3001 of t has 1 cells, the header has 2: 'alone'"),
        "jsonl": (content + b'\n{"id": ', "Row 3001 of t is not JSON"),
    }[kind]
    with pytest.raises(TrainerError, match=words) as caught:
        list(read_blocks(kind, "t", io.BytesIO(broken)))
    assert caught.value.reason is Reason.DATA_INVALID


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("csv", b"", "t is empty. Write the names"),
        ("csv", b"id,text\n", "t has no rows. Add samples"),
        ("jsonl", b"\n\n", "t has no rows"),
        ("parquet", parquet_of(ROWS[:1])[:-9], "t is not a whole Parquet file"),
        ("csv", b"id,t\xffxt\n1,a\n", "t is not UTF-8 at byte 4"),
        ("jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "Row 2 of t is not UTF-8 at byte 10"),
        ("parquet", parquet_of([{"textual": 1}]).replace(b"textual", b"\xff" * 7), "t is not a whole Parquet file"),
        ("jsonl", b'{"text": 1}\n{"text": "\\ud800"}\n', "Row 2 of t has half of a character"),
        ("jsonl", b'{"text": 1}\n{"text": "a"}\n', "'text' is 'a' in row 2 of t, and of another kind before"),
        ("jsonl", b'{"text": 1.5}\n{"text": 1' + b"0" * 400 + b"}\n", "'text' of t is of a kind that no column has"),
    ],
)
def test_what_is_wrong_with_a_block_is_told(kind: str, content: bytes, words: str) -> None:
    with pytest.raises(TrainerError, match=words) as caught:
        list(read_blocks(kind, "t", io.BytesIO(content)))
    assert caught.value.reason is Reason.DATA_INVALID


def test_both_halves_of_a_character_are_one() -> None:
    content = b'{"text": "\\ud83d\\ude00", "path": "c:\\\\ud800"}\n'
    ((_, table),) = read_blocks("jsonl", "t", io.BytesIO(content))
    assert table.to_pylist() == [{"text": "\U0001f600", "path": "c:\\ud800"}]


def test_whole_numbers_that_no_float_or_no_integer_is_are_as_near_as_can_be() -> None:
    content = b'{"id": 18446744073709551615, "x": 1.5}\n{"x": 9007199254740993}\n{"id": 7, "x": null}\n'
    ((_, table),) = read_blocks("jsonl", "t", io.BytesIO(content))
    assert table.column("id").to_pylist()[1:] == [None, 7]
    assert float(table.column("id").to_pylist()[0]) == pytest.approx(2**64)
    assert table.column("x").to_pylist() == [1.5, pytest.approx(2**53), None]
