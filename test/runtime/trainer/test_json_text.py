"""JSON that every reader takes, or none: in the store, in the termination message, over HTTP."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from limbeck_trainer.json_text import json_bytes, json_file, json_text
from support import REPOSITORY


@pytest.mark.parametrize("write", [json_text, json_bytes, json_file])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_never_written(write: Callable[[object], object], wrong: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"history": [{"step": 1.0, "loss": wrong}]})


def test_a_file_is_for_people_too() -> None:
    assert json_file({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}\n'
    assert json.loads(json_file({"name": "Zürich"})) == {"name": "Zürich"}


def calls(path: Path) -> Iterator[tuple[str, set[str | None]]]:
    """Each call of json.dump or json.dumps in a file: its place, and the names of its arguments."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dump", "json.dumps"):
            yield f"{path.name}:{ast.unparse(node)}", {keyword.arg for keyword in node.keywords}


def test_nobody_writes_it_in_another_way() -> None:
    """limbeck_custom, which stands alone, has a function of its own; a reader of rows only looks whether it could."""
    files = [file for part in ("trainer", "custom") for file in (REPOSITORY / "runtime" / part).rglob("*.py")]
    found = [(place, names) for file in files for place, names in calls(file)]
    assert len(found) > 2
    assert [place for place, names in found if "allow_nan" not in names] == [
        "readers.py:json.dumps(row, ensure_ascii=False)"
    ]
