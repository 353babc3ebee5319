"""Documents become windows: every token is foretold once, and none that is measured was learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from limbeck_trainer.data import load
from limbeck_trainer.data_config import Claimed, Data, Reading
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.samples import Dataset, Rows, TokenIds
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from limbeck_trainer.text.corpus import pieces_of, windows_of

MODEL = Transformer(layers=1, heads=1, width=8, context_length=16)
END = 256


def corpus(folder: Path, texts: list[str], **changes: object) -> tuple[Dataset, Rows]:
    for number, text in enumerate(texts):
        (folder / f"{number:03}.txt").write_text(text)
    reading = Reading(task="causalLM")
    data = {"source": Claimed("c", str(folder), None), "validation": 0.2, "test": 0.2, "split_seed": 3}
    return load(Data(**{**data, "labelled": None, "reading": reading, **changes}), MODEL, Store(), Scratch())


def ids(*tokens: int) -> TokenIds:
    return np.array(tokens, dtype=np.int32)


def test_every_token_but_the_first_is_foretold_once() -> None:
    x, y = windows_of([ids(1, 2, 3), ids(4, 5, 6, 7)], 4)
    assert x.tolist() == [[1, 2, 3, 4], [5, 6, 7, -1]]
    assert y.tolist() == [[2, 3, 4, 5], [6, 7, -1, -1]]


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 6, 9])
def test_no_token_is_lost_at_any_length(count: int) -> None:
    _, y = windows_of([ids(*range(count))], 4)
    assert y[y >= 0].tolist() == list(range(1, count))


def test_a_document_is_in_one_part_alone(tmp_path: Path) -> None:
    dataset, rows = corpus(tmp_path, [chr(97 + number) * 40 for number in range(25)])
    parts = []
    for members in (rows.train, rows.validation, rows.test):
        y = dataset.y[members]
        parts.append(set(y[(y >= 0) & (y != END)].tolist()))
    assert [len(part) for part in parts] == [15, 5, 5]
    assert len(set.union(*parts)) == 25
    assert sorted([*rows.train, *rows.validation, *rows.test]) == list(range(len(dataset.y)))


def test_few_long_documents_are_divided_by_passages(tmp_path: Path) -> None:
    dataset, rows = corpus(tmp_path, ["x" * 2000])
    assert len(rows.test) / len(dataset.y) == pytest.approx(0.2, abs=0.03)
    assert [len(piece) for piece in pieces_of([ids(*range(130))], 16)] == [64, 64, 2]


def test_the_inputs_hold_tokens_alone(tmp_path: Path) -> None:
    dataset, _ = corpus(tmp_path, ["a" * 33 for _ in range(20)])
    assert dataset.tokens is not None
    assert (dataset.x.min() >= 0, dataset.x.max(), dataset.outputs) == (True, END, 257)
    assert (dataset.x.dtype, dataset.y.dtype, dataset.x.shape) == (np.int32, np.int32, dataset.y.shape)


def test_the_split_follows_its_seed(tmp_path: Path) -> None:
    texts = [f"text {number} " * 5 for number in range(30)]
    one, again, other = (corpus(tmp_path, texts, split_seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.x, again.x)
    assert one.x.shape != other.x.shape or not np.array_equal(one.x, other.x)


def test_a_corpus_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="The data set has 1 samples: too few for the split"):
        corpus(tmp_path, ["short"])


def test_texts_are_not_streamed(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="Texts are not streamed"):
        corpus(tmp_path, ["a"], window=2)
