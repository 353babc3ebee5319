"""Each way in which data can be wrong, in each format in which it can be: one sentence with place and remedy, for good.

`test_no_way_is_left_out` says where a thing cannot be wrong, and that everything else is here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from limbeck_trainer.data import load
from limbeck_trainer.data_config import FORMATS, Claimed, Columns, Data, Reading
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Linear, Model, Transformer
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from PIL import Image
from support import parquet_of

PROBLEMS = ("empty file", "no samples", "one class", "no number", "unknown label", "ragged", "unknown column", "sha256")
# Where there is nothing that could be wrong in this way.
CANNOT: Mapping[str, tuple[str, ...]] = {
    # Whole rows of equal length are what a Parquet file is.
    "parquet": ("ragged",),
    "npz": ("unknown column",),
    # A pixel is a number, a text has as many as it likes, and neither has columns; a file is a sample.
    "images": ("no samples", "no number", "unknown column"),
    "text": ("no samples", "no number", "ragged", "unknown column"),
}
X = np.arange(12.0).reshape(4, 3)
Rows = list[dict[str, Any]]
GOOD: Rows = [{"a": float(number), "target": "xy"[number % 2]} for number in range(20)]
TEXT = Transformer(1, 1, 8, 8)


@dataclass(frozen=True)
class Wrong:
    """Files by their paths, what the config says of them, and what is answered."""

    problem: str
    kind: str
    files: Mapping[str, bytes]
    words: str
    reading: Reading = field(default_factory=Reading)
    model: Model = field(default_factory=Linear)
    sha256: str | None = None


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def table(rows: Rows, most: int | None = None) -> bytes:
    return parquet_of(pa.Table.from_pylist(rows).slice(0, most))


def csv(rows: Rows) -> bytes:
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines]).encode()


def jsonl(rows: Rows) -> bytes:
    return "\n".join(str(row).replace("'", '"').replace("None", "null") for row in rows).encode()


def picture(width: int = 4) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, 4), 7).save(buffer, "PNG")
    return buffer.getvalue()


def of_tables(problem: str, rows: Rows, words: str, **changes: Any) -> list[Wrong]:
    """The same table in each format of tables that can hold it."""
    kinds = {"csv": csv, "parquet": table, "jsonl": jsonl}
    return [
        Wrong(problem, kind, {f"t.{kind}": write(rows)}, words, **changes)
        for kind, write in kinds.items()
        if problem not in CANNOT.get(kind, ())
    ]


LABELS = Reading(labels=("x", "y"))
PRICES: Rows = [{"price": None, "a": 0.0}, *({"price": 1.5 * row["a"], "a": row["a"]} for row in GOOD[1:])]
PRICED = Reading(task="regression", columns=Columns(target="price"))
HOLES = [{**GOOD[0], "a": None}, *GOOD[1:]]
WRONG = [
    Wrong("empty file", "npz", {"t.npz": b""}, r"must be an \.npz with the arrays x and y"),
    Wrong("empty file", "csv", {"t.csv": b""}, "is empty. Write the names of the columns"),
    Wrong("empty file", "jsonl", {"t.jsonl": b""}, "has no rows. Add samples"),
    Wrong("empty file", "parquet", {"t.parquet": b""}, "is not a whole Parquet file: .*Upload it again"),
    Wrong("empty file", "images", {"x/1.png": picture(), "y/2.png": b""}, r"y/2\.png .* is no whole PNG or JPEG"),
    Wrong(
        "empty file", "text", {"x/1.txt": b"a", "y/2.txt": b""}, r"text of y/2\.txt .* is empty\. Fill it", model=TEXT
    ),
    Wrong("empty file", "text", {"1.txt": b""}, r"1\.txt .* is empty", Reading(task="causalLM"), TEXT),
    Wrong("no samples", "npz", {"t.npz": npz(x=X[:0], y=np.zeros(0, np.int64))}, "has no samples. Add some"),
    Wrong("no samples", "npz", {"t.npz": npz(x=X[:, :0], y=[0, 1, 0, 1])}, r"no numbers: x is \[4, 0\]\. Give"),
    Wrong("no samples", "csv", {"t.csv": b"a,target\n"}, "has no rows. Add samples"),
    Wrong("no samples", "jsonl", {"t.jsonl": b"\n\n"}, "has no rows. Add samples"),
    Wrong("no samples", "jsonl", {"t.jsonl": b"\n"}, "has no rows", Reading(task="causalLM"), TEXT),
    Wrong("no samples", "parquet", {"t.parquet": table(GOOD, 0)}, "has no rows. Add samples"),
    Wrong("one class", "npz", {"t.npz": npz(x=X, y=[0, 0, 0, 0])}, "has one class only: y is always 0. Add samples"),
    Wrong("one class", "npz", {"t.npz": npz(x=X, y=[1, 1, 1, 1])}, "has one class only: y is always 1", LABELS),
    *of_tables("one class", GOOD[::2], "has one class only: 'target' is always 'x'. Add samples"),
    *of_tables("one class", GOOD[::2], "has one class only", reading=LABELS),
    Wrong(
        "one class", "images", {"x/1.png": picture(), "x/2.png": picture()}, "has one class only: the folder 'x'. Add"
    ),
    Wrong("one class", "text", {"x/1.txt": b"a", "x/2.txt": b"b"}, "has one class only: 'x'. Add samples", model=TEXT),
    Wrong("no number", "npz", {"t.npz": npz(x=X * [1, np.nan, 1], y=[0, 1, 0, 1])}, "first in row 1: remove NaN"),
    *of_tables("no number", HOLES, "has no value in row 1 .*Fill it, remove the row, or set data.columns.missing"),
    Wrong("no number", "parquet", {"t.parquet": table([{**GOOD[0], "a": np.nan}, *GOOD[1:]])}, "has no value in row 1"),
    Wrong("no number", "jsonl", {"t.jsonl": jsonl(GOOD) + b'\n{"a": NaN, "target": "x"}'}, "has no value in row 21"),
    *of_tables("no number", PRICES, "'price' of .* has no value in row 1", reading=PRICED),
    Wrong(
        "unknown label", "npz", {"t.npz": npz(x=X, y=[0, 1, 2, 1])}, "class 2 in row 3, but data.labels lists 2", LABELS
    ),
    Wrong("unknown label", "npz", {"t.npz": npz(x=X, y=[0, 1, -1, 1])}, "it has -1, first in row 3"),
    Wrong("unknown label", "npz", {"t.npz": npz(x=X, y=[0, 1, 3, 1])}, r"each at least once; it has \[0, 1, 3\]"),
    *of_tables(
        "unknown label", [*GOOD, {"a": 1.0, "target": "z"}], "is 'z' in row 21 of .*, which data.labels", reading=LABELS
    ),
    Wrong(
        "unknown label",
        "images",
        {"x/1.png": picture(), "z/2.png": picture()},
        "the folder 'z', which data.labels",
        LABELS,
    ),
    Wrong(
        "unknown label", "text", {"x/1.txt": b"a", "z/2.txt": b"b"}, "the class 'z', which data.labels", LABELS, TEXT
    ),
    Wrong(
        "ragged",
        "npz",
        {"t.npz": npz(x=X, y=[0, 1, 0])},
        r"y as \[4\] of integers, one for each sample of x, not .*\[3\]",
    ),
    Wrong("ragged", "csv", {"t.csv": b"a,target\n1,x\n2\n"}, "row 2 of .* has 1 cells, the header has 2: '2'. Quote"),
    Wrong("ragged", "csv", {"t.csv": b"text,n\na,1\nb\n"}, "row 2 of .* has 1 cells", Reading(task="causalLM"), TEXT),
    Wrong("ragged", "jsonl", {"t.jsonl": jsonl(GOOD) + b'\n{"target": "x"}'}, "'a' of .* has no value in row 21"),
    Wrong(
        "ragged", "images", {"x/1.png": picture(), "y/2.png": picture(5)}, "is 5x4 with 1 channels, the first image 4x4"
    ),
    *of_tables(
        "unknown column",
        GOOD,
        "has no column 'b'; it has a, target. Correct data.columns.target",
        reading=Reading(columns=Columns(target="b")),
    ),
    *of_tables(
        "unknown column",
        GOOD,
        "has no column 'b'.*Correct data.columns.features",
        reading=Reading(columns=Columns(features=("b",))),
    ),
    *of_tables(
        "unknown column",
        GOOD,
        "has no column 'b'; it has a, target. Correct data.columns.text",
        reading=Reading(task="causalLM", columns=Columns(text="b")),
        model=TEXT,
    ),
    Wrong("sha256", "npz", {"t.npz": npz(x=X, y=[0, 1, 0, 1])}, "has the sha256 .*, not 0000", sha256="0" * 64),
    *of_tables("sha256", GOOD, "has the sha256 .*, not 0000", sha256="0" * 64),
    Wrong(
        "sha256", "images", {"x/1.png": picture(), "y/2.png": picture()}, "has the sha256 .*, not 0", sha256="0" * 64
    ),
    Wrong(
        "sha256", "text", {"x/1.txt": b"a", "y/2.txt": b"b"}, "has the sha256 .*, not 0", model=TEXT, sha256="0" * 64
    ),
    Wrong("sha256", "text", {"1.txt": b"a"}, "has the sha256 .*, not 0", Reading(task="causalLM"), TEXT, "0" * 64),
]


def test_no_way_is_left_out() -> None:
    expected = {(problem, kind) for kind in FORMATS for problem in PROBLEMS if problem not in CANNOT.get(kind, ())}
    assert {(wrong.problem, wrong.kind) for wrong in WRONG} == expected


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{wrong.problem} {wrong.kind}" for wrong in WRONG])
def test_wrong_data_is_refused_with_place_and_remedy(tmp_path: Path, wrong: Wrong) -> None:
    folder = tmp_path / "data"
    for name, content in wrong.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    one = len(wrong.files) == 1
    source = Claimed("claim", str(folder / next(iter(wrong.files))) if one else str(folder), wrong.sha256)
    data = Data(source, 0.1, 0.2, 7, None, wrong.reading)
    with pytest.raises(TrainerError, match=f"(?s){wrong.words}") as caught:
        load(data, wrong.model, Store(), Scratch())
    assert caught.value.reason is Reason.DATA_INVALID
    # It names the source, and says what to do: after what is wrong, or by what there must be.
    assert re.fullmatch(r".*claim.*([.:] |must have ).*\.", caught.value.message, re.DOTALL), caught.value.message
