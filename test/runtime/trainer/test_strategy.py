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
        # 16 bytes for each parameter: 80 million fill 1.19 GiB, of which 60 % of 2 GiB hold 1.2 GiB.
        ("auto", Facts(80 * MILLION, "adamw", 2, 2 * GIB), "ddp", "take 1.19 GiB, which fit into 1.2 GiB, 60% of"),
        ("auto", Facts(81 * MILLION, "adamw", 2, 2 * GIB), "fsdp", "each of 2 processes holds a part, 618 MiB."),
        # Without an optimiser's state half as much.
        ("auto", Facts(160 * MILLION, "sgd", 2, 2 * GIB), "ddp", "160,000,000 parameters take 1.19 GiB"),
        ("auto", Facts(7000 * MILLION, "adam", 8, 80 * GIB), "fsdp", "each of 8 processes holds a part, 13 GiB."),
        ("auto", Facts(7000 * MILLION, "adam", 8, 20 * GIB), "fsdp", "raise the memory limit or distribution.workers"),
        ("auto", Facts(MILLION, "adam", 2, 0), "fsdp", "Even that may not fit"),
    ],
)
def test_the_choice_and_its_reason(requested: str, facts: Facts, strategy: str, why: str) -> None:
    choice = choose_strategy(requested, facts)
    assert choice.strategy == strategy
    assert why in choice.why
    assert choice.why.endswith(".")


@pytest.mark.parametrize(
    ("requested", "facts", "aside", "why"),
    [
        ("auto", Facts(60 * MILLION, "adam", 1, 2 * GIB), False, None),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB), False, "at least 2.09 GiB in each process, and 2 GiB"),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB), True, None),
        ("auto", Facts(70 * MILLION, "sgd", 1, 2 * GIB), False, None),
        # A part of it, but the whole of a checkpoint.
        ("auto", Facts(70 * MILLION, "adam", 2, 2 * GIB), False, None),
        ("ddp", Facts(70 * MILLION, "adam", 2, 2 * GIB), False, "70,000,000 parameters: to train"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB), False, "at least 2.27 GiB"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB), True, None),
    ],
)
def test_a_pretrained_model_that_memory_cannot_hold(requested: str, facts: Facts, aside: bool, why: str | None) -> None:
    said = shortage(requested, facts, aside)
    assert said is None if why is None else said is not None and why in said
