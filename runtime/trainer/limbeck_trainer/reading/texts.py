"""Text as documents: one per text file, or one per row of a table's text column. For whoever makes tokens of them.

They come one after the other, so that what does not fit into memory can be read.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from limbeck_trainer.data_config import Builtin, Reading, Source
from limbeck_trainer.reading.files import (
    File,
    check_digest,
    class_of,
    digest_of,
    invalid,
    of_format,
    open_source,
    text_of,
)
from limbeck_trainer.reading.spelling import classes_of
from limbeck_trainer.samples import Ints
from limbeck_trainer.store import Store

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Document:
    """One text and, for a classification, the name of its class."""

    text: str
    label: str | None


class Documents:
    """Every document of a source in its order, checked; DataMissing or DataInvalid says what is wrong with the source.

    In memory is one file of text, or a block of a table; of a table with classes a whole file, but for CSV.
    """

    def __init__(self, source: Source, store: Store, reading: Reading) -> None:
        if isinstance(source, Builtin):
            invalid(f"The data set {source.name} has no text. Name another data.source.")
        self._reading = reading
        self._wanted = source.sha256
        self.kind, self.files = of_format(open_source(source, store), reading.format)
        if self.kind not in ("text", "jsonl", "csv", "parquet"):
            what = f"{self.files.name} is of the format {self.kind}, which holds no text"
            invalid(f"{what}. Set data.format, or choose another model.")
        self._digests: list[str] = []

    def __iter__(self) -> Iterator[Document]:
        """One pass over the source."""
        self._digests = []
        for file in self.files.files:
            with file.opened() as stream:
                self._digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
                if not self.files.folder:
                    check_digest(self.files, self.sha256, self._wanted)
                stream.seek(0)
                yield from _documents(self.kind, file, stream, self._reading)
        check_digest(self.files, self.sha256, self._wanted)

    @property
    def sha256(self) -> str:
        """Of the source, after a whole pass."""
        return digest_of(self.files, self._digests)


class Classes:
    """The classes of documents that come by; in memory is a number for each."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._found = array("q")

    def texts(self, documents: Iterable[Document]) -> Iterator[str]:
        """Their texts, as they are asked for."""
        for document in documents:
            self._found.append(self._codes.setdefault(document.label or "", len(self._codes)))
            yield document.text

    def targets(self, documents: Documents, reading: Reading) -> tuple[Ints, tuple[str, ...]]:
        """y and the labels, after the last document: of a table in the order of any table, else as folders are."""
        files = documents.files
        written, labels = classes_of(self._codes, reading.labels)
        if documents.kind == "text":
            # Names of folders are names, also where all are numbers.
            written, labels = {name: name for name in self._codes}, reading.labels or tuple(sorted(self._codes))
        index = {label: position for position, label in enumerate(labels)}
        stranger = next((name for name in self._codes if written[name] not in index), None)
        if stranger is not None:
            what = f"{files.name} has the class {stranger!r}, which data.labels does not list"
            invalid(f"{what}. Correct one of the two.")
        if len({*written.values()}) < 2:
            invalid(f"{files.name} has one class only: {next(iter(self._codes))!r}. Add samples of others.")
        return np.array([index[written[name]] for name in self._codes], dtype=np.int64)[np.array(self._found)], labels


def _documents(kind: str, file: File, stream: BinaryIO, reading: Reading) -> Iterator[Document]:
    """The documents of one file; an empty one is an error, for nothing can be learnt from it."""
    classified = reading.task == "classification"
    if kind == "text":
        text = text_of(file.name, stream.read())
        yield Document(_full(text, file.name), class_of(file) if classified else None)
        return
    from limbeck_trainer.reading.readers import read_blocks, read_table

    blocks: Iterable[tuple[int, pa.Table]] = read_blocks(kind, file.name, stream, _column(reading))
    if classified and kind != "csv":
        # How a whole number beyond 2^53 is written depends on all others of its column. CSV has words.
        blocks = [(0, read_table(kind, file.name, stream.read()))]
    for before, table in blocks:
        yield from _of_rows(file.name, before, table, reading)


def _of_rows(name: str, before: int, table: pa.Table, reading: Reading) -> Iterator[Document]:
    from limbeck_trainer.reading.columns import words
    from limbeck_trainer.reading.tables import target_of

    classified = reading.task == "classification"
    column = _column(reading)
    if column not in table.column_names:
        shown = ", ".join(table.column_names[:20])
        invalid(f"{name} has no column {column!r}; it has {shown}. Correct data.columns.text.")
    target = target_of(reading, name, table) if classified else None
    labels = words(name, target, table[target]) if target else [None] * table.num_rows
    rows = zip(words(name, column, table[column]), labels, strict=True)
    for row, (text, label) in enumerate(rows, start=before + 1):
        where = f"row {row} of {name}"
        if classified and label is None:
            invalid(f"The target {target!r} is missing in {where}. Fill it, or remove the row.")
        yield Document(_full(text or "", f"{column!r} in {where}"), label)


def _column(reading: Reading) -> str:
    return reading.columns.text or "text"


def _full(text: str, where: str) -> str:
    if not text.strip():
        invalid(f"The text of {where} is empty. Fill it, or remove it.")
    return text
