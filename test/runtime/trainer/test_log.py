"""One JSON object per line with fixed keys."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from limbeck_trainer.log import Log


def test_lines_are_json_with_fixed_keys_first() -> None:
    lines: list[str] = []
    log = Log({"rank": 1, "run": "default/digits"}, lines.append)
    log.child(stage="model").warn("checkpoint skipped", uri=Path("/x"), text='a "quoted"\nline')
    (line,) = lines
    assert "\n" not in line
    record = json.loads(line)
    assert list(record)[:7] == ["timestamp", "level", "message", "component", "rank", "run", "stage"]
    assert (record["level"], record["uri"]) == ("warn", "/x")
    assert record["timestamp"].endswith("Z")


def test_what_is_no_finite_number_is_a_word() -> None:
    lines: list[str] = []
    Log({}, lines.append).info("measured", loss=math.nan, metrics={"rmse": [math.inf, 1.5]}, kinds=("a", -math.inf))
    record = json.loads(lines[0], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (record["loss"], record["metrics"], record["kinds"]) == ("nan", {"rmse": ["inf", 1.5]}, ["a", "-inf"])


def test_levels() -> None:
    lines: list[str] = []
    log = Log({}, lines.append)
    log.info("a")
    log.warn("b")
    log.error("c")
    assert [json.loads(line)["level"] for line in lines] == ["info", "warn", "error"]
