"""What a group gains over one process: measured beside a training that it does not change."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import torch
from groups import run_group
from limbeck_trainer.scaling import BUDGET_SECONDS, LEAST_STEPS, Pace, _median_step, efficiency
from support import config_document, contract, run_here

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


def timed(seconds_of_a_whole_step: float) -> tuple[float, list[tuple[int, int]]]:
    now, asked = [0.0], []

    def run(step: int, share: int) -> float:
        asked.append((step, share))
        now[0] += seconds_of_a_whole_step / share
        return seconds_of_a_whole_step / share

    return _median_step(run, 4, lambda: now[0]), asked


def test_short_steps_are_repeated_within_the_budget() -> None:
    seconds, asked = timed(0.1)
    assert seconds == pytest.approx(0.1)
    assert LEAST_STEPS < sum(share == 1 for _, share in asked) <= BUDGET_SECONDS / 0.1


def test_a_long_step_is_reckoned_from_its_part_so_that_nobody_waits_in_vain() -> None:
    seconds, asked = timed(60.0)
    assert seconds == pytest.approx(60.0)
    assert [share for _, share in asked] == [4, 4]


def test_a_group_says_how_well_it_scales_and_the_measurement_changes_nothing(store: str, tmp_path: Path) -> None:
    document = config_document(store, optimization={"epochs": 2})
    ended = run_group(tmp_path / "two", document, 2)
    jsonschema.validate(ended.result, contract("trainer-result"))
    distribution = ended.result["distribution"]
    assert (distribution["strategy"], distribution["processes"]) == ("ddp", 2)
    assert "fit into" in distribution["reason"]
    assert distribution["scalingEfficiency"] > 0
    assert ended.line("one process timed")["secondsPerStep"] > 0
    alone = run_here(config_document(f"{store}-alone", optimization={"epochs": 2}))
    assert "scalingEfficiency" not in alone["distribution"]
    assert alone["distribution"]["strategy"] == "alone"
    assert abs(alone["metrics"]["accuracy"]["value"] - ended.result["metrics"]["accuracy"]["value"]) < 0.02


def test_the_history_of_all_attempts_lies_in_the_store(store: str, tmp_path: Path) -> None:
    run_here(config_document(store))
    points = json.loads((tmp_path / "store" / "runs" / "default" / "digits-u1" / "history" / "model.json").read_text())
    assert [point["step"] for point in points] == [20, 40, 60, 80]
    assert all(0 < point["validationAccuracy"] <= 1 for point in points)
