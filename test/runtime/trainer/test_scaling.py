"""What a group gains over one process: measured beside a training that it does not change."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from groups import run_group
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Builtin
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.loop import material_of
from limbeck_trainer.plan import Plan
from limbeck_trainer.samples import Dataset, Rows, Shards, Stream
from limbeck_trainer.scaling import BUDGET_SECONDS, LEAST_STEPS, Pace, _median_step, efficiency, time_alone, unmeasured
from limbeck_trainer.session import Material, Stage
from limbeck_trainer.store import Store
from limbeck_trainer.strategy import Choice
from support import alone, config_document, contract, run_here, session
from test_stream import npz_shards
from torch import Tensor

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("alone", "together", "processes", "expected"),
    [
        (1.0, 0.5, 2, 1.0),
        (1.0, 0.5, 4, 0.5),
        # Slower than one: less than 1 / processes.
        (1.0, 2.0, 2, 0.25),
        (1.0, 1.0, 1, None),
        (None, 1.0, 2, None),
        (1.0, None, 2, None),
    ],
)
def test_efficiency(alone: float | None, together: float | None, processes: int, expected: float | None) -> None:
    assert efficiency(alone, together, processes) == expected


def test_a_pace_is_known_after_a_few_steps_and_heeds_neither_the_first_nor_a_rare_pause() -> None:
    pace = Pace(CPU)
    for seconds in (9.0, 9.0, 1.0, 1.0, 60.0, 1.0):
        pace.add(seconds)
        assert pace.seconds_per_step is None
    pace.add(1.0)
    assert pace.seconds_per_step == 1.0


def test_steps_that_share_a_look_at_the_device_count_together() -> None:
    """A GPU is only waited for with every sixteenth step: the others seem to take no time."""
    pace = Pace(torch.device("cuda"))
    for _ in range(7):
        for seconds in [0.0] * 15 + [1.6]:
            pace.add(seconds)
    assert pace.seconds_per_step == pytest.approx(0.1)


def timed(seconds_of_a_whole_step: float) -> tuple[float, list[tuple[int, int, int]]]:
    now, asked = [0.0], []

    def run(step: int, share: int, parts: int) -> float:
        asked.append((step, share, parts))
        now[0] += seconds_of_a_whole_step / share
        return seconds_of_a_whole_step / share

    return _median_step(run, 4, lambda: now[0]), asked


def test_short_steps_are_repeated_within_the_budget() -> None:
    seconds, asked = timed(0.1)
    assert seconds == pytest.approx(0.1)
    assert LEAST_STEPS < sum(share == 1 for _, share, _ in asked) <= BUDGET_SECONDS / 0.1


@pytest.mark.parametrize(("seconds", "asked"), [(12.0, [4, 4]), (40.0, [4, 4]), (41.0, [4]), (2000.0, [4])])
def test_a_long_step_is_reckoned_from_its_part_so_that_nobody_waits_in_vain(seconds: float, asked: list[int]) -> None:
    """And once only where the part is long: the others give up after 600 s, and a step alone may take as many."""
    found, steps = timed(seconds)
    assert found == pytest.approx(seconds)
    assert [share for _, share, _ in steps] == asked


@pytest.mark.parametrize(("seconds", "parts"), [(0.01, 1), (0.1, 4)])
def test_only_what_is_too_short_to_fill_a_memory_is_done_at_once(seconds: float, parts: int) -> None:
    _, asked = timed(seconds)
    assert {(share, in_parts) for _, share, in_parts in asked} == {(4, 1), (1, parts)}


class Leader(Peers):
    """Rank 0 of four that never met."""

    def _join(self, environment: Environment) -> None:
        """Does not."""


class Held:
    """A criterion that remembers how many rows of how large a batch were in memory at once."""

    def __init__(self) -> None:
        self.rows: set[tuple[int, int]] = set()

    def __call__(self, answers: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        self.rows.add((len(mine), len(whole)))
        return answers.square().sum() / len(whole)


@pytest.mark.parametrize(("accumulate", "at_once"), [(1, 16), (2, 8)])
def test_one_process_holds_no_more_of_a_batch_at_once_than_it_does_in_the_group(
    store: str, monkeypatch: pytest.MonkeyPatch, accumulate: int, at_once: int
) -> None:
    monkeypatch.setattr("limbeck_trainer.scaling.SHORT_STEP_SECONDS", 0.0)
    dataset, rows, held = load_data(Builtin("digits"), Store()), np.arange(256), Held()
    material = material_of(dataset, Rows(rows, rows, rows, rows), CPU)
    stage = Stage("model", Plan(rows, 64, 1), held, "ddp", steps=8, round_steps=4)
    leader = Leader(Environment(0, 4, "host", 29500, 1, alone().result_file))
    said = session(config_document(store, optimization={"accumulate": accumulate}))
    assert (time_alone(said, leader, material, stage) or 0) > 0
    # Its part of a batch of 64, and then all of one.
    assert held.rows == {(at_once, 16), (at_once, 64)}


@pytest.mark.parametrize(
    ("fits", "shards", "steps", "why_not"),
    [
        (True, None, 7, None),
        (True, None, 6, "that takes 7 steps, and there are 6"),
        (False, None, 7, "one process may not hold the model"),
        (True, Shards(np.array([0, 4]), 1), 7, "one process would read other files of the stream than the group"),
    ],
)
def test_why_a_group_is_not_compared_with_one_process(
    fits: bool, shards: Shards | None, steps: int, why_not: str | None
) -> None:
    rows, one = np.arange(4), np.ones(1)
    parts = Rows(rows, rows, rows, rows)
    dataset = Dataset(one, one, ("a", "b"), "", stream=Stream(parts, one, one, shards))
    material = Material(dataset, parts, torch.empty(0), torch.empty(0))
    stage = Stage("model", Plan(rows, 4, 1), Held(), "fsdp", steps=steps, round_steps=1)
    leader = Leader(Environment(0, 4, "host", 29500, 1, alone().result_file))
    assert unmeasured(Choice("fsdp", "Why.", fits), stage, material, leader) == why_not


def test_a_divided_model_that_one_process_may_hold_is_compared_too(store: str, tmp_path: Path) -> None:
    document = config_document(store, optimization={"epochs": 1}, distribution={"strategy": "fsdp"})
    ended = run_group(tmp_path / "two", document, 2)
    assert ended.result["distribution"]["strategy"] == "fsdp"
    assert ended.result["distribution"]["scalingEfficiency"] > 0


def test_a_group_that_is_not_compared_says_why_beside_its_strategy(store: str, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    npz_shards(tmp_path / "shards")
    source = {"kind": "pvc", "claim": "c", "path": str(tmp_path / "shards")}
    data = {"source": source, "split": {"validation": 0.1, "test": 0.2, "seed": 7}, "stream": {"window": 2}}
    ended = run_group(tmp_path / "two", config_document(store, data=data, optimization={"epochs": 1}), 2)
    jsonschema.validate(ended.result, contract("trainer-result"))
    distribution = ended.result["distribution"]
    assert "scalingEfficiency" not in distribution
    assert distribution["device"] == "cpu"
    assert distribution["reason"].endswith(
        "Scaling is not measured: one process would read other files of the stream than the group."
    )


def test_a_group_says_how_well_it_scales_and_the_measurement_changes_nothing(store: str, tmp_path: Path) -> None:
    document = config_document(store, optimization={"epochs": 2})
    ended = run_group(tmp_path / "two", document, 2)
    jsonschema.validate(ended.result, contract("trainer-result"))
    distribution = ended.result["distribution"]
    assert (distribution["strategy"], distribution["processes"], distribution["device"]) == ("ddp", 2, "cpu")
    assert "fit into" in distribution["reason"]
    assert distribution["scalingEfficiency"] > 0
    assert ended.line("one process timed")["secondsPerStep"] > 0
    alone = run_here(config_document(f"{store}-alone", optimization={"epochs": 2}))
    assert "scalingEfficiency" not in alone["distribution"]
    assert (alone["distribution"]["strategy"], alone["distribution"]["device"]) == ("alone", "cpu")
    assert abs(alone["metrics"]["accuracy"]["value"] - ended.result["metrics"]["accuracy"]["value"]) < 0.02


def test_the_history_of_all_attempts_lies_in_the_store(store: str, tmp_path: Path) -> None:
    run_here(config_document(store))
    points = json.loads((tmp_path / "store" / "runs" / "default" / "digits-u1" / "history" / "model.json").read_text())
    assert [point["step"] for point in points] == [20, 40, 60, 80]
    assert all(0 < point["validationAccuracy"] <= 1 for point in points)
