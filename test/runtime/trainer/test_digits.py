"""The model of the first example, on every seed: whoever tries it must not need luck."""

from __future__ import annotations

import pytest
from support import config_document, run_here

CNN = {"kind": "cnn", "channels": [16, 32], "hidden": 64}


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_digits_are_learnt_whatever_the_seed(store: str, seed: int) -> None:
    optimization = {"learningRate": 0.003, "epochs": 40, "seed": seed}
    result = run_here(config_document(store, model=CNN, optimization=optimization))
    assert result["metrics"]["accuracy"]["value"] >= 0.97
