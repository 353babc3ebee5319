"""Texts with classes for an encoder: a row of tokens each, cut and padded to the context's length.

There may be more than memory holds: the tokens lie on the scratch volume, and in memory are some tens of bytes for
each text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from limbeck_trainer.data_config import Data
from limbeck_trainer.json_text import json_text
from limbeck_trainer.reading.texts import Classes, Documents
from limbeck_trainer.samples import Dataset, Ints, Rows, TokenIds
from limbeck_trainer.scratch import Scratch, room_for
from limbeck_trainer.split import split_rows
from limbeck_trainer.store import Store
from limbeck_trainer.text.token_file import TokenFile, open_tokens, write_tokens
from limbeck_trainer.text.tokenizer import Coder

TARGETS, LABELS = "targets.npy", "labels.json"


def load_labelled(data: Data, coder: Coder, length: int, store: Store, scratch: Scratch) -> tuple[Dataset, Rows]:
    """x [n, length], y [n]: the start of each text, and its class."""

    def write(folder: Path) -> None:
        documents, classes = Documents(data.source, store, data.reading), Classes()
        # Padding is no token of the text, but no row of the file is empty.
        starts = (ids[:length] or [coder.padding] for ids in coder.encode(classes.texts(documents)))
        write_tokens(folder, coder, starts, lambda: documents.sha256)
        y, labels = classes.targets(documents, data.reading)
        with room_for("the classes of all texts"):
            np.save(folder / TARGETS, y)
            (folder / LABELS).write_text(json_text(labels), encoding="utf-8")

    folder = scratch.once("tokens", write)
    texts, y = open_tokens(folder, coder), np.load(folder / TARGETS)
    labels = tuple(json.loads((folder / LABELS).read_text(encoding="utf-8")))
    document = {"kind": "text", "tokenizer": "tokenizer.json", "contextLength": length, "padding": coder.padding}
    x, tokens = TextRows(texts, length, coder.padding), coder.tokens(length)
    rows = split_rows(y, data, labels)
    return Dataset(x, y, labels, texts.sha256, preprocessing=document, tokens=tokens), rows


class TextRows:
    """x of texts, int32 [n, length], by row numbers: taken from their file when they are asked for."""

    def __init__(self, texts: TokenFile, length: int, padding: int) -> None:
        self._texts = texts
        self._padding = padding
        self._starts: Ints = np.cumsum(texts.lengths) - texts.lengths
        self.shape = (len(texts.lengths), length)

    def __len__(self) -> int:
        """n."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> TokenIds:
        """The texts of these rows, in their order."""
        wanted: Ints = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        places = np.arange(self.shape[1])
        inside = places < self._texts.lengths[wanted][:, None]
        places = np.minimum(places, self._texts.lengths[wanted][:, None] - 1)
        found = self._texts.tokens[self._starts[wanted][:, None] + places].astype(np.int32)
        return np.where(inside, found, np.int32(self._padding))
