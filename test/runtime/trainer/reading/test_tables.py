"""Tables of every format become the same samples; every way a table can be wrong is said with file, row and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Claimed, Columns, Reading
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.samples import Dataset
from limbeck_trainer.store import Store
from support import parquet_of

CSV = """colour,size,weight,kind
red,1,0.5,b
blue,,1.5,a
"red, dark",3,-2e1,b
red,4,7,10
"""
ROWS: list[dict[str, Any]] = [
    {"colour": "red", "size": 1, "weight": 0.5, "kind": "b"},
    {"colour": "blue", "size": None, "weight": 1.5, "kind": "a"},
    {"colour": "red, dark", "size": 3, "weight": -20.0, "kind": "b"},
    {"colour": "red", "size": 4, "weight": 7.0, "kind": "10"},
]
COLUMNS = Columns(target="kind", categorical=("colour",), missing="impute")


FILES = {
    "table.csv": CSV.encode(),
    "table.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "table.parquet": parquet_of(ROWS),
}


def load(folder: Path, name: str, content: bytes | str, reading: Reading) -> Dataset:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return load_data(Claimed("claim", str(folder / name), None), Store(), reading)


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_samples(tmp_path: Path, name: str) -> None:
    dataset = load(tmp_path, name, FILES[name], Reading(columns=COLUMNS))
    expected = [[1, 1, 0.5], [0, np.nan, 1.5], [2, 3, -20], [1, 4, 7]]
    np.testing.assert_array_equal(dataset.x, np.array(expected, np.float32))
    assert dataset.x.dtype == np.float32
    assert dataset.labels == ("10", "a", "b")
    assert dataset.y.tolist() == [2, 1, 2, 0]
    assert dataset.preprocessing == {
        "kind": "table",
        "columns": [
            {"name": "colour", "kind": "category", "categories": ["blue", "red", "red, dark"], "missing": "NaN"},
            {"name": "size", "kind": "number", "missing": "NaN"},
            {"name": "weight", "kind": "number", "missing": "NaN"},
        ],
    }


@pytest.mark.parametrize("name", FILES)
def test_a_regression_keeps_the_unit_of_its_target(tmp_path: Path, name: str) -> None:
    columns = Columns(target="weight", features=("size", "colour"), categorical=("colour",), missing="impute")
    dataset = load(tmp_path, name, FILES[name], Reading(task="regression", columns=columns))
    assert (dataset.labels, dataset.outputs, str(dataset.y.dtype)) == ((), 1, "float32")
    assert dataset.y.tolist() == [0.5, 1.5, -20, 7]
    assert [feature.name for feature in dataset.features] == ["size", "colour"]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        ([10, 9, -1], ("-1", "9", "10")),
        ([10.0, 9.0, -1.0], ("-1", "9", "10")),
        ([True, False, True], ("false", "true")),
        (["10", "--9", "-1"], ("--9", "-1", "10")),
        (["1" * 5000, "9", "-1"], ("-1", "1" * 5000, "9")),
        (["10", "9", "x"], ("10", "9", "x")),
    ],
)
def test_classes_are_sorted_numbers_by_size(tmp_path: Path, values: list[Any], labels: tuple[str, ...]) -> None:
    rows = [{"a": 1.0, "target": value} for value in values]
    assert load(tmp_path, "t.parquet", parquet_of(rows), Reading()).labels == labels


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
@pytest.mark.parametrize(
    ("values", "labels", "y"),
    [
        # As pandas writes whole numbers of a column in which a value is missing.
        (["10.0", "9.0", "-1.0"], ("-1", "9", "10"), [2, 1, 0]),
        (["3.0", "3", "-0.0", "0"], ("0", "3"), [1, 1, 0, 0]),
        # Versions, and what may be one.
        (["1.0", "1.1", "2.0"], ("1.0", "1.1", "2.0"), [0, 1, 2]),
        (["1.0", "2.0", "x"], ("1.0", "2.0", "x"), [0, 1, 2]),
    ],
)
def test_where_all_are_whole_numbers_a_point_and_zeros_say_nothing(
    tmp_path: Path, name: str, values: list[str], labels: tuple[str, ...], y: list[int]
) -> None:
    lines = [f'{{"a": 1, "b": "{value}", "target": "{value}"}}' for value in values]
    if name == "t.csv":
        lines = ["a,b,target", *(f"1,{value},{value}" for value in values)]
    dataset = load(tmp_path, name, "\n".join(lines), Reading(columns=Columns(categorical=("b",))))
    assert (dataset.labels, dataset.y.tolist()) == (labels, y)
    assert (dataset.features[1].categories, dataset.x[:, 1].tolist()) == (labels, y)


def test_all_shards_say_whether_all_are_whole_numbers(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,target\n1,3.0\n2,4.0\n")
    (tmp_path / "2.csv").write_text("a,target\n1,3\n2,5\n")
    source = Claimed("claim", str(tmp_path), None)
    dataset = load_data(source, Store(), ANY)
    assert (dataset.labels, dataset.y.tolist()) == (("3", "4", "5"), [0, 1, 0, 2])
    (tmp_path / "3.csv").write_text("a,target\n1,3.5\n")
    assert load_data(source, Store(), ANY).labels == ("3", "3.0", "3.5", "4.0", "5")


@pytest.mark.parametrize(
    ("labels", "y"), [(("4", "3"), [1, 0]), (("3.0", "4.0"), [0, 1]), (("3", "4.0", "3.0"), [2, 1])]
)
def test_labels_may_be_written_either_way(tmp_path: Path, labels: tuple[str, ...], y: list[int]) -> None:
    dataset = load(tmp_path, "t.csv", "a,target\n1,3.0\n2,4.0\n", Reading(labels=labels))
    assert (dataset.labels, dataset.y.tolist()) == (labels, y)


@pytest.mark.parametrize("columns", [Columns(), Columns(categorical=("b",))])
def test_the_index_that_pandas_writes_into_a_csv_is_no_feature(tmp_path: Path, columns: Columns) -> None:
    """It has no name. Of samples that are sorted by their class it would tell the class."""
    content = ",a,b,target\n0,1.5,3,x\n1,2.5,4,y\n"
    dataset = load(tmp_path, "t.csv", content, Reading(columns=columns))
    assert [feature.name for feature in dataset.features] == ["a", "b"]
    assert dataset.x[:, 0].tolist() == [1.5, 2.5]


def of_pandas(*index: Any) -> bytes:
    """A table of two rows as pandas writes it, which says in the metadata what of it is its index."""
    table = pa.table({"a": [1.0, 2.0], "target": ["x", "y"], "id": [7, 9], "__index_level_0__": [4, 8]})
    metadata = json.dumps({"index_columns": index, "columns": []}).encode()
    return parquet_of(table.replace_schema_metadata({b"pandas": metadata}))


COUNTED = {"kind": "range", "name": None, "start": 0, "stop": 2, "step": 1}


@pytest.mark.parametrize(
    ("index", "columns", "features"),
    [
        (["__index_level_0__"], Columns(), ["a", "id"]),
        (["id", "__index_level_0__"], Columns(), ["a"]),
        ([COUNTED], Columns(), ["a", "id", "__index_level_0__"]),
        (["id", "__index_level_0__"], Columns(features=("id", "a")), ["id", "a"]),
        (["id", "__index_level_0__"], Columns(categorical=("id",)), ["a", "id"]),
    ],
)
def test_the_index_of_pandas_is_no_feature_unless_it_is_named(
    tmp_path: Path, index: list[Any], columns: Columns, features: list[str]
) -> None:
    dataset = load(tmp_path, "t.parquet", of_pandas(*index), Reading(columns=columns))
    assert [feature.name for feature in dataset.features] == features


@pytest.mark.parametrize("said", [b"{}", b"[]", b"no JSON", b'{"index_columns": null}', b"[" * 10**5])
def test_what_is_no_word_of_pandas_is_passed_over(tmp_path: Path, said: bytes) -> None:
    table = pa.table({"a": [1.0, 2.0], "target": ["x", "y"]}).replace_schema_metadata({b"pandas": said})
    assert load(tmp_path, "t.parquet", parquet_of(table), Reading()).x.tolist() == [[1], [2]]


def test_given_labels_keep_their_order(tmp_path: Path) -> None:
    dataset = load(tmp_path, "t.csv", "a,target\n1,x\n2,y\n", Reading(labels=("y", "z", "x")))
    assert (dataset.labels, dataset.y.tolist()) == (("y", "z", "x"), [2, 0])


def test_shards_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        (tmp_path / f"part-{number}.csv").write_text(f"a,c,target\n{number},v{number},{number % 2}\n")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README.md").write_text("not data")
    source = Claimed("claim", str(tmp_path), None)
    dataset = load_data(source, Store(), Reading(columns=Columns(categorical=("c",))))
    assert dataset.x.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert dataset.features[1].categories == ("v0", "v1", "v2")


Row = tuple[str, str, str, Reading, str]
ANY = Reading()
AGE = Reading(task="regression", columns=Columns(target="age"))
WRONG: list[Row] = [
    ("empty file", "t.csv", "", ANY, "t.csv .* is empty. Write the names"),
    ("header alone", "t.csv", "a,target\n", ANY, "t.csv .* has no rows. Add samples"),
    ("no objects", "t.jsonl", "\n", ANY, "t.jsonl .* has no rows. Add samples"),
    ("one class only", "t.csv", "a,target\n1,x\n2,x\n", ANY, "has one class only: 'target' is always 'x'. Add"),
    ("NaN in a feature", "t.csv", "a,target\n1,x\nNaN,y\n", ANY, "'a' of .*t.csv.* has no value in row 2 .*Fill it"),
    ("null in a feature", "t.jsonl", '{"a":null,"target":1}\n{"a":1,"target":2}', ANY, "'a' of .* no value in row 1"),
    ("infinity", "t.csv", "a,target\n1,x\ninf,y\n", ANY, "'a' of .* has inf in row 2, which no 32-bit number holds"),
    ("1e300", "t.csv", "a,target\n1e300,x\n1,y\n", ANY, "'a' of .* has 1e[+]300 in row 1"),
    ("a word for a number", "t.csv", "a,target\n1,x\n2,x\nred,y\n", ANY, "'a' of .* has 'red' in row 3, .*categorical"),
    ("a short row", "t.csv", "a,target\n1,x\n2\n", ANY, "row 2 of .*t.csv.* has 1 cells, the header has 2: '2'. Quote"),
    ("a long row", "t.csv", "a,target\n1,x\n2,3,y\n", ANY, "row 2 of .* has 3 cells, the header has 2"),
    (
        "no such target",
        "t.csv",
        "a,b\n1,x\n",
        ANY,
        "t.csv.* has no column 'target'; it has a, b. Correct data.columns.t",
    ),
    (
        "no such feature",
        "t.csv",
        "a,target\n1,x\n",
        Reading(columns=Columns(features=("c",))),
        "has no column 'c'; it has a, target. Correct data.columns.features",
    ),
    (
        "no such category",
        "t.csv",
        "a,target\n1,x\n",
        Reading(columns=Columns(categorical=("c",))),
        "has no column 'c'.*Correct data.columns.categorical",
    ),
    (
        "the target as a feature",
        "t.csv",
        "a,target\n1,x\n",
        Reading(columns=Columns(features=("a", "target"))),
        "lists the target 'target'",
    ),
    (
        "a category that is no feature",
        "t.csv",
        "a,b,target\n1,2,x\n",
        Reading(columns=Columns(features=("a",), categorical=("b",))),
        "lists 'b', which is no feature",
    ),
    (
        "a label outside the range",
        "t.csv",
        "a,target\n1,x\n2,q\n",
        Reading(labels=("x", "y")),
        "is 'q' in row 2 of .*lab",
    ),
    (
        "a label outside the range with a point",
        "t.csv",
        "a,target\n1,1.0\n2,3.0\n",
        Reading(labels=("1", "2")),
        "'3.0' in",
    ),
    ("one class in two spellings", "t.csv", "a,target\n1,3\n2,3.0\n", ANY, "one class only: 'target' is always '3'"),
    ("a missing target", "t.csv", "a,target\n1,x\n2,\n", ANY, "The target 'target' is missing in row 2 of .*Fill it"),
    ("a missing number to predict", "t.csv", "a,age\n1,2\n2,\n", AGE, "'age' of .* has no value in row 2"),
    ("a word to predict", "t.csv", "a,age\n1,2\n2,old\n", AGE, "'age' of .* has 'old' in row 2"),
    ("two columns of a name", "t.csv", "a,a,target\n1,2,x\n", ANY, "has two columns called 'a'. Give"),
    ("not UTF-8", "t.csv", "a,target\n1,\udcff\n", ANY, "is not UTF-8 at byte 11. Save it"),
    ("not JSON", "t.jsonl", '{"a":1,"target":1}\n{"a":', ANY, "Row 2 of .*t.jsonl.* is not JSON"),
    ("no object", "t.jsonl", "[1]", ANY, "Row 1 of .* is no JSON object"),
    ("two kinds", "t.jsonl", '{"a":1,"target":1}\n{"a":"b","target":2}', ANY, "'a' is 'b' in row 2 of .*another kind"),
    ("half", "t.jsonl", r'{"a":1,"target":"\ud800"}', ANY, "Row 1 of .* has half of a character.*as UTF-8"),
    ("half in a name", "t.jsonl", r'{"a":1,"target":1,"\uDFFF":2}', ANY, "Row 1 of .* has half of a character"),
    ("half deep down", "t.jsonl", r'{"a":1,"target":1,"b":[{"c":"\uda00."}]}', ANY, "Row 1 of .* half of a character"),
    ("deep", "t.jsonl", f'{{"a":{"[" * 10**5}{"]" * 10**5}}}', ANY, "Row 1 of .* is not JSON: maximum recursion depth"),
    ("a list", "t.jsonl", '{"a":[1],"target":1}\n{"a":[2],"target":2}', ANY, "'a' of .* is of the type list"),
    ("no Parquet", "t.parquet", "PAR1nonsense", ANY, "t.parquet .* is not a whole Parquet file.*Upload it again"),
    ("an unknown format", "t.xlsx", "PK", ANY, "has no file of a known format. Set data.format to one of npz, csv"),
    ("nothing to learn from", "t.csv", "target\nx\n", ANY, "has no column besides the target 'target'. Add features"),
]


@pytest.mark.parametrize(("name", "content", "reading", "words"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG])
def test_a_wrong_table_is_refused_for_good(
    tmp_path: Path, name: str, content: str, reading: Reading, words: str
) -> None:
    with pytest.raises(TrainerError, match=f"(?s){words}") as caught:
        load(tmp_path, name, content.encode(errors="surrogateescape"), reading)
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_cut_parquet_file_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="is not a whole Parquet file"):
        load(tmp_path, "t.parquet", FILES["table.parquet"][:-9], ANY)


def test_shards_must_have_the_same_features(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,target\n1,x\n")
    (tmp_path / "2.csv").write_text("b,target\n1,y\n")
    with pytest.raises(TrainerError, match=r"has the features \['b'\], the file before \['a'\]"):
        load_data(Claimed("claim", str(tmp_path), None), Store(), ANY)


def test_a_folder_of_two_formats_wants_to_be_told_which(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,target\n1,x\n2,y\n")
    (tmp_path / "notes.txt").write_text("about")
    source = Claimed("claim", str(tmp_path), None)
    with pytest.raises(TrainerError, match=r"files of several formats \(csv, text\)\. Set data\.format"):
        load_data(source, Store(), ANY)
    assert len(load_data(source, Store(), Reading(format="csv")).y) == 2
