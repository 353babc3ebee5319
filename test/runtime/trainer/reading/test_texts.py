"""Documents from text files and from columns of text, with and without classes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from limbeck_trainer.data_config import Builtin, Claimed, Columns, Reading
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.reading.texts import Classes, Documents
from limbeck_trainer.store import Store

LANGUAGE = Reading(task="causalLM")


@dataclass(frozen=True)
class Texts:
    """All that a source has."""

    documents: tuple[str, ...]
    y: list[int]
    labels: tuple[str, ...]
    sha256: str


def load(folder: Path, files: dict[str, str], reading: Reading) -> Texts:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    path = folder if len(files) > 1 else folder / next(iter(files))
    documents, classes = Documents(Claimed("claim", str(path), None), Store(), reading), Classes()
    texts = tuple(classes.texts(documents))
    if reading.task != "classification":
        return Texts(texts, [], (), documents.sha256)
    y, labels = classes.targets(documents, reading)
    return Texts(texts, y.tolist(), labels, documents.sha256)


def test_a_text_file_is_a_document(tmp_path: Path) -> None:
    texts = load(tmp_path, {"b.txt": "zwei\n", "a.txt": "eins\n\nhalb"}, LANGUAGE)
    assert texts.documents == ("eins\n\nhalb", "zwei\n")
    assert len(texts.sha256) == 64


def test_a_folder_of_text_files_is_a_class(tmp_path: Path) -> None:
    texts = load(tmp_path, {"pos/1.txt": "good", "neg/1.txt": "bad", "neg/2.txt": "awful"}, Reading())
    assert (texts.documents, texts.labels, texts.y) == (("bad", "awful", "good"), ("neg", "pos"), [0, 0, 1])


def test_a_whole_number_of_a_table_has_no_point_and_the_name_of_a_folder_what_it_has(tmp_path: Path) -> None:
    reading = Reading(columns=Columns(text="body", target="stars"))
    table = load(tmp_path / "a", {"t.csv": "body,stars\ngood,10.0\nbad,1.0\nfair,9.0\n"}, reading)
    assert (table.labels, table.y) == (("1", "9", "10"), [2, 0, 1])
    folders = load(tmp_path / "b", {"10.0/1.txt": "good", "9.0/1.txt": "fair"}, Reading())
    assert (folders.labels, folders.y) == (("10.0", "9.0"), [0, 1])


def test_a_row_of_a_text_column_is_a_document(tmp_path: Path) -> None:
    lines = '{"body": "good", "stars": 5}\n{"body": "bad", "stars": 1}\n'
    reading = Reading(columns=Columns(text="body", target="stars"))
    texts = load(tmp_path, {"t.jsonl": lines}, reading)
    assert (texts.documents, texts.labels, texts.y) == (("good", "bad"), ("1", "5"), [1, 0])
    alone = load(tmp_path, {"t.jsonl": lines}, Reading(task="causalLM", columns=Columns(text="body")))
    assert alone.documents == ("good", "bad")


@pytest.mark.parametrize("text", ["null", "NULL", "NA", "N/A", "nan", "NaN"])
def test_a_word_that_is_missing_elsewhere_is_a_text(tmp_path: Path, text: str) -> None:
    table = {"t.csv": f'text,target\n{text},a\n"{text}",b\n'}
    assert load(tmp_path, table, Reading()).documents == (text, text)
    assert load(tmp_path, table, LANGUAGE).documents == (text, text)
    with pytest.raises(TrainerError, match="The target 'target' is missing in row 2 of "):
        load(tmp_path, {"t.csv": f"text,target\ngood,a\nbad,{text}\n"}, Reading())


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_classes_of_a_table_are_sorted_as_those_of_any_table(tmp_path: Path, name: str) -> None:
    stars = (2, 10, 0, 1)
    rows = {
        "t.csv": "\n".join(["text,target", *(f"x,{star}" for star in stars)]),
        "t.jsonl": "\n".join(f'{{"text": "x", "target": {star}}}' for star in stars),
    }
    assert load(tmp_path, {name: rows[name]}, Reading()).labels == ("0", "1", "2", "10")
    folders = {f"texts/{star}/a.txt": "x" for star in stars}
    assert load(tmp_path / "folders", folders, Reading()).labels == ("0", "1", "10", "2")


def test_documents_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pos").mkdir()
    for name in ("1.txt", "2.txt"):
        (tmp_path / "pos" / name).write_text(name)
    texts = Classes().texts(Documents(Claimed("claim", str(tmp_path), None), Store(), Reading()))
    assert next(texts) == "1.txt"
    (tmp_path / "pos" / "2.txt").write_text("later")
    assert next(texts) == "later"


@pytest.mark.parametrize(
    ("number", "words"), [(2**52, "4503599627370496"), (2**60, "1.152921504606847e+18")], ids=["exact", "rounded"]
)
def test_the_classes_of_a_file_of_numbers_are_written_alike(tmp_path: Path, number: int, words: str) -> None:
    """Whatever of it is read at once: what a float64 rounds has a power where another row has 1.5; CSV has words."""
    rows = [("first", number), *[("x" * 1_000, 3)] * 2_000, ("last", 1.5)]
    lines = "\n".join(json.dumps({"text": text, "target": target}) for text, target in rows)
    assert set(load(tmp_path, {"t.jsonl": lines}, Reading()).labels) == {"1.5", "3", words}
    lines = "\n".join(["text,target", *(f"{text},{target}" for text, target in rows)])
    assert set(load(tmp_path, {"t.csv": lines}, Reading()).labels) == {"1.5", "3", str(number)}


@pytest.mark.parametrize(
    ("files", "reading", "words"),
    [
        ({"t.jsonl": '{"a": "x"}'}, LANGUAGE, "has no column 'text'; it has a. Correct data.columns.text"),
        ({"t.jsonl": '{"text": "x"}\n{"text": " "}'}, LANGUAGE, "'text' in row 2 of .* is empty"),
        ({"a.txt": ""}, LANGUAGE, "a.txt .* is empty"),
        ({"t.csv": "text,b\nx,1\n,2\n"}, LANGUAGE, "'text' in row 2 of .* is empty"),
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
        Documents(Builtin("digits"), Store(), LANGUAGE)
