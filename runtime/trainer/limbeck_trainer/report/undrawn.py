"""Plots that cannot be drawn are told in a sentence: the training is over, and must not fail by its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Drawn = TypeVar("Drawn")


def drawn(
    plots: Mapping[str, Callable[[], Drawn]], left_out: Mapping[str, str]
) -> tuple[dict[str, Drawn], dict[str, str]]:
    """By their names what the plots are made from and, beside what is left out already, why the others cannot be."""
    made: dict[str, Drawn] = {}
    missing = dict(left_out)
    for name, make in plots.items():
        try:
            made[name] = make()
        except Exception as error:
            missing[name] = f"It cannot be drawn ({type(error).__name__}: {error})."
    return made, missing
