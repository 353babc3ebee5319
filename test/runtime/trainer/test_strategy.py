"""Which strategy for which numbers, and the sentence that says why."""

from __future__ import annotations

import pytest
from limbeck_trainer.strategy import Facts, choose_strategy, shortage

GIB = 2**30
MILLION = 10**6


@pytest.mark.parametrize(
    ("requested", "facts", "strategy", "why"),
    [
        ("auto", Facts(7000 * MILLION, "adam", 1, 2 * GIB), "alone", "There is one process"),
        ("fsdp", Facts(MILLION, "adam", 1, 2 * GIB), "alone", "There is one process"),
        ("ddp", Facts(7000 * MILLION, "adam", 8, 2 * GIB), "ddp", "distribution.strategy says so."),
        ("fsdp", Facts(MILLION, "adam", 2, 2 * GIB), "fsdp", "distribution.strategy says so."),
        ("auto", Facts(MILLION, "adam", 2, 2 * GIB), "ddp", "every process holds the whole model"),
        # 16 bytes for each parameter, and as many in a checkpoint: 40 million fill 1.19 of 1.2 GiB, 60 % of 2 GiB.
        ("auto", Facts(40 * MILLION, "adamw", 2, 2 * GIB), "ddp", "take 610 MiB, and 1.19 GiB while a checkpoint is w"),
        ("auto", Facts(40 * MILLION, "adamw", 2, 2 * GIB), "ddp", "is written, which fit into 1.2 GiB, 60% of"),
        ("auto", Facts(41 * MILLION, "adamw", 2, 2 * GIB), "fsdp", "each of 2 processes holds a part, 313 MiB."),
        # On a GPU the machine's memory holds the checkpoint.
        (
            "auto",
            Facts(80 * MILLION, "adamw", 2, 2 * GIB, True),
            "ddp",
            "take 1.19 GiB, which fit into 1.2 GiB, 60% of",
        ),
        ("auto", Facts(81 * MILLION, "adamw", 2, 2 * GIB, True), "fsdp", "each of 2 processes holds a part, 618 MiB."),
        # Without an optimiser's state half as much.
        ("auto", Facts(80 * MILLION, "sgd", 2, 2 * GIB), "ddp", "80,000,000 parameters take 610 MiB"),
        ("auto", Facts(7000 * MILLION, "adam", 8, 80 * GIB, True), "fsdp", "each of 8 processes holds a part, 13 GiB."),
        # The parts alone would fit, and the checkpoint of the whole does not.
        ("auto", Facts(7000 * MILLION, "adam", 8, 80 * GIB), "fsdp", "raise the memory limit or distribution.workers"),
        ("auto", Facts(7000 * MILLION, "adam", 8, 20 * GIB, True), "fsdp", "raise the memory limit or distribution."),
        ("auto", Facts(MILLION, "adam", 2, 0), "fsdp", "Even that may not fit"),
    ],
)
def test_the_choice_and_its_reason(requested: str, facts: Facts, strategy: str, why: str) -> None:
    choice = choose_strategy(requested, facts)
    assert choice.strategy == strategy
    assert why in choice.why
    assert choice.why.endswith(".")


@pytest.mark.parametrize(
    ("requested", "parameters", "fits"),
    [("ddp", 90, True), ("fsdp", 80, True), ("fsdp", 81, False), ("auto", 80, True), ("auto", 81, False)],
)
def test_whether_one_process_may_train_it_to_compare(requested: str, parameters: int, fits: bool) -> None:
    """16 bytes for each of 80 million fill 60 % of 2 GiB; nobody writes a checkpoint meanwhile."""
    assert choose_strategy(requested, Facts(parameters * MILLION, "adam", 2, 2 * GIB)).fits_one is fits


@pytest.mark.parametrize(
    ("requested", "facts", "why"),
    [
        ("auto", Facts(60 * MILLION, "adam", 1, 2 * GIB), None),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB), "at least 2.09 GiB in each process, and 2 GiB"),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB, True), None),
        ("auto", Facts(70 * MILLION, "sgd", 1, 2 * GIB), None),
        # A part of it, but the whole of a checkpoint.
        ("auto", Facts(70 * MILLION, "adam", 2, 2 * GIB), None),
        ("ddp", Facts(70 * MILLION, "adam", 2, 2 * GIB), "70,000,000 parameters: to train"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB), "at least 2.27 GiB"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB, True), None),
    ],
)
def test_a_model_that_memory_cannot_hold(requested: str, facts: Facts, why: str | None) -> None:
    said = shortage(requested, facts)
    assert said is None if why is None else said is not None and why in said
