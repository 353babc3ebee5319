"""Texts with classes for an encoder: a row of tokens each, cut and padded to the context's length."""

from __future__ import annotations

import numpy as np

from limbeck_trainer.data_config import Data
from limbeck_trainer.reading.texts import load_texts
from limbeck_trainer.samples import Dataset
from limbeck_trainer.store import Store
from limbeck_trainer.text.tokenizer import Coder


def load_labelled(data: Data, coder: Coder, length: int, store: Store) -> Dataset:
    """x int32 [n, length], y [n]: the start of each text, and its class."""
    texts = load_texts(data.source, store, data.reading)
    x = np.full((len(texts.documents), length), coder.padding, dtype=np.int32)
    for row, ids in zip(x, coder.encode(texts.documents), strict=True):
        row[: min(len(ids), length)] = ids[:length]
    document = {"kind": "text", "tokenizer": "tokenizer.json", "contextLength": length, "padding": coder.padding}
    return Dataset(x, texts.y, texts.labels, texts.sha256, preprocessing=document)
