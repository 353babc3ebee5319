"""stderr at the level of the file descriptor: the noise is held back, the rest is not."""

from __future__ import annotations

import os

import pytest
from limbeck_trainer.native_noise import NOISE, without_schema_noise


def test_only_the_noise_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="boom"), without_schema_noise():
        os.write(2, NOISE + b" Abs (domain: )\n\nsomething of weight\n")
        raise ValueError("boom")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "something of weight\nafterwards\n"
