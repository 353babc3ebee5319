"""Texts with classes become rows of one length, each class divided alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from limbeck_trainer.data import load
from limbeck_trainer.data_config import Claimed, Data
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from limbeck_trainer.text.tokenizer import coder_of
from limited import within
from support import REPOSITORY, parquet_of

PADDING = 256


def test_texts_are_cut_and_padded(tmp_path: Path) -> None:
    for number in range(10):
        for name, text in (("long", "abcdefghij"), ("short", "ab")):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.txt").write_text(text)
    data = Data(Claimed("c", str(tmp_path), None), 0.2, 0.2, 3, None)
    dataset, rows = load(data, Transformer(1, 1, 8, 6), Store(), Scratch())
    x = dataset.x[:]
    assert (dataset.labels, dataset.x.shape, x.shape, x.dtype) == (("long", "short"), (20, 6), (20, 6), np.int32)
    assert (x[dataset.y == 1, 2:] == PADDING).all()
    assert (x[dataset.y == 0] != PADDING).all()
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
    assert dataset.x[:].tolist() == golden["rows"]
    assert dataset.preprocessing["padding"] == golden["padding"]


def in_files(folder: Path, kind: str, rows: list[dict[str, str]]) -> None:
    """The rows in three files of a format, or in a file each."""
    folder.mkdir()
    if kind == "txt":
        for number, row in enumerate(rows):
            (folder / row["target"]).mkdir(exist_ok=True)
            (folder / row["target"] / f"{number:03}.txt").write_text(row["text"])
    for number, part in enumerate(np.array_split(np.array(rows, dtype=object), 3) if kind != "txt" else []):
        content = {
            "csv": "\n".join(["text,target", *(f"{row['text']},{row['target']}" for row in part)]).encode(),
            "jsonl": "\n".join(map(json.dumps, part)).encode(),
            "parquet": parquet_of(part),
        }[kind]
        (folder / f"part-{number}.{kind}").write_bytes(content)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "txt"])
def test_every_format_gives_the_same_samples_and_a_pod_reads_them_once(tmp_path: Path, kind: str) -> None:
    rows = [{"text": f"text {number} " * (1 + number % 3), "target": "ab"[number > 20]} for number in range(40)]
    in_files(tmp_path / "data", kind, rows)
    data = Data(Claimed("c", str(tmp_path / "data"), None), 0.2, 0.2, 3, None)
    model = Transformer(1, 1, 8, 12)
    alone, divided = load(data, model, Store(), Scratch())
    coder = coder_of(model, Store())
    found = [coder.tokenizer.decode([token for token in row if token != PADDING]) for row in alone.x[:].tolist()]
    assert found == [row["text"][:12] for row in rows]
    np.testing.assert_array_equal(alone.y, [row["target"] == "b" for row in rows])
    (tmp_path / "pod").mkdir()
    pod = [load(data, model, Store(), Scratch(tmp_path / "pod"))]
    (tmp_path / "data").rename(tmp_path / "gone")
    pod.append(load(data, model, Store(), Scratch(tmp_path / "pod")))
    for dataset, parts in pod:
        np.testing.assert_array_equal(dataset.x[:], alone.x[:])
        np.testing.assert_array_equal(dataset.y, alone.y)
        np.testing.assert_array_equal(parts.test, divided.test)
        for part in ("labels", "sha256", "preprocessing", "shape", "outputs", "tokens"):
            assert getattr(dataset, part) == getattr(alone, part)


def rows_of(folder: Path) -> tuple[tuple[int, ...], int]:
    """The shape of all rows of the texts in `folder`, and how many of their tokens are no padding."""
    data = Data(Claimed("c", str(folder), None), 0.1, 0.1, 3, None)
    dataset, _ = load(data, Transformer(1, 1, 8, 8192), Store(), Scratch())
    parts = np.array_split(np.arange(len(dataset.x)), 256)
    return dataset.x.shape, sum(int((dataset.x[part] != PADDING).sum()) for part in parts)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_memory_need_not_hold_the_rows(tmp_path: Path, kind: str) -> None:
    """8192 of 8192 tokens each would be 256 MiB."""
    rows = [{"text": f"text {number:05}", "target": "ab"[number % 2]} for number in range(8192)]
    in_files(tmp_path / "data", kind, rows)
    assert within(128 << 20, rows_of, tmp_path / "data") == ((8192, 8192), 8192 * len("text 00000"))
