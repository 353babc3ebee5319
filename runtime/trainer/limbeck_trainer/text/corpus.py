"""A corpus for a language model: documents are divided first, then those of each part are cut into windows of tokens.

So no document is learnt from and measured on. A corpus of few long documents is divided by passages of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbeck_trainer.data_config import Data
from limbeck_trainer.reading.texts import load_texts
from limbeck_trainer.samples import NO_TOKEN, Dataset, Rows, TokenIds
from limbeck_trainer.split import split_rows
from limbeck_trainer.store import Store
from limbeck_trainer.text.tokenizer import Coder

# With fewer documents the parts would be of chance sizes.
FEWEST_DOCUMENTS = 20
PASSAGE_WINDOWS = 4


def load_corpus(data: Data, coder: Coder, length: int, store: Store) -> tuple[Dataset, Rows]:
    """x [n, length]: windows of tokens; y: the token that follows each, NO_TOKEN after the last of a part."""
    texts = load_texts(data.source, store, data.reading)
    documents = [_ended(ids, coder.end) for ids in coder.encode(texts.documents)]
    pieces = pieces_of(documents, length)
    divided = split_rows(np.zeros(len(pieces), dtype=np.int64), data)
    parts = [
        windows_of([pieces[row] for row in rows], length) for rows in (divided.train, divided.validation, divided.test)
    ]
    x = np.concatenate([inputs for inputs, _ in parts])
    y = np.concatenate([targets for _, targets in parts])
    train, validation, test = np.split(np.arange(len(x)), np.cumsum([len(inputs) for inputs, _ in parts])[:-1])
    x = np.where(x == NO_TOKEN, np.int32(coder.end), x)
    return Dataset(x, y, (), texts.sha256, tokens=coder.tokens(length)), Rows(train, validation, test, train)


def pieces_of(documents: Sequence[TokenIds], length: int) -> list[TokenIds]:
    """What is divided: the documents or, where they are few, passages of them."""
    if len(documents) >= FEWEST_DOCUMENTS:
        return list(documents)
    size = PASSAGE_WINDOWS * length
    return [document[start : start + size] for document in documents for start in range(0, len(document), size)]


def windows_of(pieces: Sequence[TokenIds], length: int) -> tuple[TokenIds, TokenIds]:
    """Inputs and targets, each [n, length], of the pieces in a row: every token but the first is a target once."""
    flat = np.concatenate([np.empty(0, dtype=np.int32), *pieces])
    count = -(-max(0, len(flat) - 1) // length)
    padded = np.full(count * length + 1, NO_TOKEN, dtype=np.int32)
    padded[: len(flat)] = flat[: len(padded)]
    return padded[:-1].reshape(count, length), padded[1:].reshape(count, length)


def _ended(ids: list[int], end: int) -> TokenIds:
    return np.array(ids if ids and ids[-1] == end else [*ids, end], dtype=np.int32)
