"""Documents from text files and from columns of text, with and without classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from limbeck_trainer.data_config import Builtin, Claimed, Columns, Reading
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.reading.texts import Texts, load_texts
from limbeck_trainer.store import Store

LANGUAGE = Reading(task="causalLM")


def load(folder: Path, files: dict[str, str], reading: Reading) -> Texts:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    path = folder if len(files) > 1 else folder / next(iter(files))
    return load_texts(Claimed("claim", str(path), None), Store(), reading)


def test_a_text_file_is_a_document(tmp_path: Path) -> None:
    texts = load(tmp_path, {"b.txt": "zwei\n", "a.txt": "eins\n\nhalb"}, LANGUAGE)
    assert texts.documents == ("eins\n\nhalb", "zwei\n")
    assert (texts.labels, len(texts.y), len(texts.sha256)) == ((), 0, 64)


def test_a_folder_of_text_files_is_a_class(tmp_path: Path) -> None:
    texts = load(tmp_path, {"pos/1.txt": "good", "neg/1.txt": "bad", "neg/2.txt": "awful"}, Reading())
    assert (texts.documents, texts.labels, texts.y.tolist()) == (("bad", "awful", "good"), ("neg", "pos"), [0, 0, 1])


def test_a_row_of_a_text_column_is_a_document(tmp_path: Path) -> None:
    lines = '{"body": "good", "stars": 5}\n{"body": "bad", "stars": 1}\n'
    reading = Reading(columns=Columns(text="body", target="stars"))
    texts = load(tmp_path, {"t.jsonl": lines}, reading)
    assert (texts.documents, texts.labels, texts.y.tolist()) == (("good", "bad"), ("1", "5"), [1, 0])
    alone = load(tmp_path, {"t.jsonl": lines}, Reading(task="causalLM", columns=Columns(text="body")))
    assert alone.documents == ("good", "bad")


@pytest.mark.parametrize(
    ("files", "reading", "words"),
    [
        ({"t.jsonl": '{"a": "x"}'}, LANGUAGE, "has no column 'text'; it has a. Correct data.columns.text"),
        ({"t.jsonl": '{"text": "x"}\n{"text": " "}'}, LANGUAGE, "'text' in row 2 of .* is empty"),
        ({"a.txt": ""}, LANGUAGE, "a.txt .* is empty"),
        ({"pos/1.txt": "x", "pos/2.txt": "y"}, Reading(), "has one class only: 'pos'"),
        (
            {"pos/1.txt": "x", "neg/2.txt": "y"},
            Reading(labels=("pos", "nag")),
            "has the class 'neg', which data.labels",
        ),
        ({"t.npz": "x"}, LANGUAGE, "is of the format npz, which holds no text"),
    ],
)
def test_wrong_texts_are_refused(tmp_path: Path, files: dict[str, str], reading: Reading, words: str) -> None:
    with pytest.raises(TrainerError, match=words):
        load(tmp_path, files, reading)


def test_digits_are_no_text() -> None:
    with pytest.raises(TrainerError, match="The data set digits has no text"):
        load_texts(Builtin("digits"), Store(), LANGUAGE)
