"""Texts with classes become rows of one length, each class divided alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from limbeck_trainer.data import load
from limbeck_trainer.data_config import Claimed, Data
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from support import REPOSITORY

PADDING = 256


def test_texts_are_cut_and_padded(tmp_path: Path) -> None:
    for number in range(10):
        for name, text in (("long", "abcdefghij"), ("short", "ab")):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.txt").write_text(text)
    data = Data(Claimed("c", str(tmp_path), None), 0.2, 0.2, 3, None)
    dataset, rows = load(data, Transformer(1, 1, 8, 6), Store(), Scratch())
    assert (dataset.labels, dataset.x.shape, dataset.x.dtype) == (("long", "short"), (20, 6), np.int32)
    assert (dataset.x[dataset.y == 1, 2:] == PADDING).all()
    assert (dataset.x[dataset.y == 0] != PADDING).all()
    assert [int(dataset.y[part].sum()) for part in (rows.train, rows.validation, rows.test)] == [6, 2, 2]
    assert dataset.preprocessing["padding"] == PADDING


def test_words_are_cut_into_pieces_ended_cut_off_and_filled_up_as_the_server_does_it(tmp_path: Path) -> None:
    # The server's own test reads the same file.
    golden = json.loads((REPOSITORY / "test/golden/texts/word-pieces.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(golden["tokenizer"]))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]", "sep_token": "[SEP]"}))
    rows = [{"text": text, "target": "ab"[row % 2]} for row, text in enumerate(golden["texts"])]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = Data(Claimed("c", str(tmp_path / "t.jsonl"), None), 0, 0.25, 3, None)
    dataset, _ = load(data, Transformer(1, 1, 8, golden["contextLength"], tmp_path.as_uri()), Store(), Scratch())
    assert dataset.x.tolist() == golden["rows"]
    assert dataset.preprocessing["padding"] == golden["padding"]
