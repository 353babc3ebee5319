"""Text as documents: one per text file, or one per row of a table's text column. For whoever makes tokens of them.

`documents` goes file by file, so that what does not fit into memory can be read; `load_texts` keeps all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck_trainer.data_config import Builtin, Reading, Source
from limbeck_trainer.reading.files import (
    File,
    Files,
    check_digest,
    class_of,
    digest_of,
    invalid,
    of_format,
    open_source,
    text_of,
)
from limbeck_trainer.samples import Ints
from limbeck_trainer.store import Store


@dataclass(frozen=True)
class Document:
    """One text and, for a classification, the name of its class."""

    text: str
    label: str | None


@dataclass(frozen=True)
class Texts:
    """All documents in the order of the source; y int64 [n] and labels, both empty where there are no classes."""

    documents: tuple[str, ...]
    y: Ints
    labels: tuple[str, ...]
    sha256: str


def load_texts(source: Source, store: Store, reading: Reading) -> Texts:
    """Every document in memory, checked; DataMissing or DataInvalid says what is wrong with the source."""
    kind, files = open_texts(source, store, reading)
    contents = [(file, file.read()) for file in files.files]
    digest = digest_of(files, [hashlib.sha256(content).hexdigest() for _, content in contents])
    check_digest(files, digest, None if isinstance(source, Builtin) else source.sha256)
    found = [document for file, content in contents for document in documents(kind, file, content, reading)]
    y, labels = _classes(files, found, reading)
    return Texts(tuple(document.text for document in found), y, labels, digest)


def open_texts(source: Source, store: Store, reading: Reading) -> tuple[str, Files]:
    """The format and the files of a source of texts."""
    if isinstance(source, Builtin):
        invalid(f"The data set {source.name} has no text. Name another data.source.")
    kind, files = of_format(open_source(source, store), reading.format)
    if kind not in ("text", "jsonl", "csv", "parquet"):
        invalid(f"{files.name} is of the format {kind}, which holds no text. Set data.format, or choose another model.")
    return kind, files


def documents(kind: str, file: File, content: bytes, reading: Reading) -> Iterator[Document]:
    """The documents of one file, in its order; an empty one is an error, for nothing can be learnt from it."""
    classified = reading.task == "classification"
    if kind == "text":
        yield Document(_full(text_of(file.name, content), file.name), class_of(file) if classified else None)
        return
    # Read late: plain text needs no reader of tables.
    from limbeck_trainer.reading.columns import words
    from limbeck_trainer.reading.readers import read_table
    from limbeck_trainer.reading.tables import target_of

    table = read_table(kind, file.name, content)
    column = reading.columns.text or "text"
    if column not in table.column_names:
        shown = ", ".join(table.column_names[:20])
        invalid(f"{file.name} has no column {column!r}; it has {shown}. Correct data.columns.text.")
    target = target_of(reading, file.name, table) if classified else None
    labels = words(file.name, target, table[target]) if target else [None] * table.num_rows
    rows = zip(words(file.name, column, table[column]), labels, strict=True)
    for row, (text, label) in enumerate(rows, start=1):
        where = f"row {row} of {file.name}"
        if classified and label is None:
            invalid(f"The target {target!r} is missing in {where}. Fill it, or remove the row.")
        yield Document(_full(text or "", f"{column!r} in {where}"), label)


def _full(text: str, where: str) -> str:
    if not text.strip():
        invalid(f"The text of {where} is empty. Fill it, or remove it.")
    return text


def _classes(files: Files, found: list[Document], reading: Reading) -> tuple[Ints, tuple[str, ...]]:
    if reading.task != "classification":
        return np.empty(0, dtype=np.int64), ()
    names = [document.label or "" for document in found]
    labels = reading.labels or tuple(sorted(set(names)))
    stranger = next((name for name in names if name not in labels), None)
    if stranger is not None:
        invalid(f"{files.name} has the class {stranger!r}, which data.labels does not list. Correct one of the two.")
    if len(set(names)) < 2:
        invalid(f"{files.name} has one class only: {names[0]!r}. Add samples of others.")
    index = {label: position for position, label in enumerate(labels)}
    return np.array([index[name] for name in names], dtype=np.int64), labels
