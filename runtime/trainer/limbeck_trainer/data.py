"""A data set from any source and format. A pure function of the source's bytes: every rank gets the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from limbeck_trainer.data_config import Builtin, Data, Reading, Source
from limbeck_trainer.model_config import Model, Pretrained, Transformer
from limbeck_trainer.reading.files import (
    File,
    Files,
    check_digest,
    digest_of,
    invalid,
    of_format,
    open_source,
    refuse_text,
)
from limbeck_trainer.samples import Dataset, Floats, Ints, Rows
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.shared_samples import open_samples, save_samples
from limbeck_trainer.split import split_rows
from limbeck_trainer.store import Store

if TYPE_CHECKING:
    from limbeck_trainer.pretrained.foundation import Foundation
    from limbeck_trainer.text.tokenizer import Coder

__all__ = ["Dataset", "Floats", "Ints", "Rows", "load", "load_data", "split_rows"]

Contents = Sequence[tuple[File, bytes]]


def load(
    data: Data, model: Model, store: Store, scratch: Scratch, foundation: Foundation | None = None
) -> tuple[Dataset, Rows]:
    """The data set as the model takes it, in memory or as a stream, and how it is divided."""
    if isinstance(model, Transformer | Pretrained):
        dataset, rows = _load_texts(data, _coder(model, store, foundation), model.context_length, (store, scratch))
        return replace(dataset, foundation=foundation), rows
    if data.window is None:
        dataset = _once(scratch, lambda: load_data(data.source, store, data.reading))
        return dataset, split_rows(dataset.y, data, dataset.labels)
    from limbeck_trainer.stream import open_stream

    dataset = open_stream(data, store)
    assert dataset.stream is not None
    return dataset, dataset.stream.rows


def _once(scratch: Scratch, read: Callable[[], Dataset]) -> Dataset:
    """Read by one process of the pod, and kept in memory once."""
    if not scratch.common:
        return read()
    return open_samples(scratch.once("samples", lambda folder: save_samples(read(), folder)))


def _coder(model: Transformer | Pretrained, store: Store, foundation: Foundation | None) -> Coder:
    if isinstance(model, Pretrained):
        assert foundation is not None
        return foundation.coder
    from limbeck_trainer.text.tokenizer import coder_of

    return coder_of(model, store)


def _load_texts(data: Data, coder: Coder, length: int, places: tuple[Store, Scratch]) -> tuple[Dataset, Rows]:
    store, scratch = places
    if data.window is not None:
        invalid("Texts need no data.stream: their tokens lie on the scratch volume. Leave it out.")
    if data.reading.task == "causalLM":
        from limbeck_trainer.text.corpus import load_corpus

        return load_corpus(data, coder, length, store, scratch)
    from limbeck_trainer.text.labelled import load_labelled

    return load_labelled(data, coder, length, store, scratch)


def load_data(source: Source, store: Store, reading: Reading | None = None) -> Dataset:
    """The whole data set in memory, checked; DataMissing or DataInvalid says what is wrong with it."""
    if isinstance(source, Builtin):
        # Read late, as everything that only some runs need.
        from limbeck_trainer.reading.builtin import digits

        return digits()
    reading = reading or Reading()
    kind, files = of_format(open_source(source, store), reading.format)
    contents = [(file, file.read()) for file in files.files]
    digest = digest_of(files, [hashlib.sha256(content).hexdigest() for _, content in contents])
    check_digest(files, digest, source.sha256)
    if kind == "npz":
        return _from_arrays(files, contents, reading, digest)
    if kind == "images":
        return _from_images(files, contents, reading, digest)
    if kind == "text":
        refuse_text(files)
    return _from_tables(kind, files, contents, reading, digest)


def _from_arrays(files: Files, contents: Contents, reading: Reading, digest: str) -> Dataset:
    from limbeck_trainer.reading.arrays import check_classes, check_shape, read_arrays
    from limbeck_trainer.reading.rounding import Rounding

    rounding = Rounding()
    parts = [(file, *read_arrays(file.name, content, reading.task, rounding)) for file, content in contents]
    for file, x, _ in parts:
        check_shape(file.name, x, parts[0][1])
    rounding.check(files.name)
    x, y = np.concatenate([x for _, x, _ in parts]), np.concatenate([y for *_, y in parts])
    if reading.task == "regression":
        return Dataset(x, y.reshape(-1), (), digest)
    return Dataset(x, y, check_classes(files.name, y, reading.labels), digest)


def _from_tables(kind: str, files: Files, contents: Contents, reading: Reading, digest: str) -> Dataset:
    from limbeck_trainer.reading.readers import read_table
    from limbeck_trainer.reading.shards import check_several
    from limbeck_trainer.reading.tables import Survey, encode

    tables = [(file.name, read_table(kind, file.name, content)) for file, content in contents]
    survey = Survey(reading)
    targets = np.concatenate([survey.add(name, table) for name, table in tables])
    features = survey.features()
    x = np.concatenate([encode(name, table, features, survey.rounding) for name, table in tables])
    survey.rounding.check(files.name)
    document = {"kind": "table", "columns": [feature.document() for feature in features]}
    if reading.task == "regression":
        return Dataset(x, targets, (), digest, features, document)
    y, labels = survey.classes(targets)
    check_several(files, y, labels, reading)
    return Dataset(x, y, labels, digest, features, document)


def _from_images(files: Files, contents: Contents, reading: Reading, digest: str) -> Dataset:
    from limbeck_trainer.reading.images import check_same, classes_of, document, read_picture

    y, labels = classes_of(files, reading)
    pictures = [read_picture(file, content, reading.image) for file, content in contents]
    for (file, _), picture in zip(contents, pictures, strict=True):
        check_same(file, picture, pictures[0])
    x = np.stack([picture.pixels for picture in pictures])
    return Dataset(x, y, labels, digest, (), document(pictures[0].size))
