"""A corpus for a language model: documents are divided first, then those of each part are cut into windows of tokens.

So no document is learnt from and measured on. A corpus of few long documents is divided by passages of them. It may be
larger than memory: its tokens lie on the scratch volume, and in memory are some numbers for each document and window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from limbeck_trainer.data_config import Data, name_of
from limbeck_trainer.reading.files import invalid
from limbeck_trainer.reading.texts import Documents
from limbeck_trainer.samples import NO_TOKEN, Dataset, Ints, Rows
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.split import split_rows
from limbeck_trainer.store import Store
from limbeck_trainer.text.token_file import open_tokens, write_tokens
from limbeck_trainer.text.tokenizer import Coder
from limbeck_trainer.text.windows import Pieces, WindowRows, Windows

# With fewer documents the parts would be of chance sizes.
FEWEST_DOCUMENTS = 20
PASSAGE_WINDOWS = 4


def load_corpus(data: Data, coder: Coder, length: int, store: Store, scratch: Scratch) -> tuple[Dataset, Rows]:
    """x [n, length]: windows of tokens; y: the token that follows each, NO_TOKEN after the last of a part."""

    def write(folder: Path) -> None:
        documents = Documents(data.source, store, data.reading)
        texts = (document.text for document in documents)
        write_tokens(folder, coder, ended(coder, texts), lambda: documents.sha256)

    corpus = open_tokens(scratch.once("tokens", write), coder)
    starts, lengths = pieces_of(corpus.lengths, length)
    divided = split_rows(np.zeros(len(starts), dtype=np.int64), data)
    parts = [(starts[rows], lengths[rows]) for rows in (divided.train, divided.validation, divided.test)]
    windows = Windows(corpus.tokens, parts, length)
    if 0 in (windows.of_parts[0], windows.of_parts[2]):
        what = f"{name_of(data.source)} has too few tokens: a part of the split is a single one"
        invalid(f"{what}, which nothing foretells. Add texts, or lower contextLength.")
    train, validation, test = np.split(np.arange(len(windows)), np.cumsum(windows.of_parts)[:-1])
    x, y = WindowRows(windows, ahead=0, filler=coder.end), WindowRows(windows, ahead=1, filler=NO_TOKEN)
    return Dataset(x, y, (), corpus.sha256, tokens=coder.tokens(length)), Rows(train, validation, test, train)


def ended(coder: Coder, texts: Iterable[str]) -> Iterator[list[int]]:
    """The tokens of each text, the last of which says that it ends."""
    for ids in coder.encode(texts):
        yield ids if ids and ids[-1] == coder.end else [*ids, coder.end]


def pieces_of(documents: Ints, length: int) -> Pieces:
    """What is divided, of documents of so many tokens one after the other: these or, where they are few, passages."""
    ends = np.cumsum(documents)
    if len(documents) >= FEWEST_DOCUMENTS:
        return ends - documents, documents
    size = PASSAGE_WINDOWS * length
    starts = np.concatenate([np.arange(end - count, end, size) for end, count in zip(ends, documents, strict=True)])
    return starts, np.diff(starts, append=ends[-1])
