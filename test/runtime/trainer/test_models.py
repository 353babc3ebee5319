"""Shapes, sizes and the normalisation inside the module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.model_config import Cnn, Linear, Mlp, Model
from limbeck_trainer.models import build_model, normalisation_of, parameter_count

PIXELS = np.random.default_rng(0).uniform(0, 16, size=(50, 1, 8, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (Linear(), 650),
        (Mlp((16,)), 1210),
        (Mlp((128, 64)), 17226),
        (Cnn((16, 32), 64), 13706),
        (Cnn((4,) * 6, 8), None),
    ],
)
def test_models_take_raw_samples_and_give_logits(model: Model, parameters: int | None) -> None:
    module = build_model(model, normalisation_of(PIXELS), (1, 8, 8), 10)
    assert module(torch.from_numpy(PIXELS[:3])).shape == (3, 10)
    assert module(torch.from_numpy(PIXELS[:0])).shape == (0, 10)
    assert parameters in (None, parameter_count(module))


@pytest.mark.parametrize("shape", [(200, 5), (200, 3, 6, 6)])
def test_normalisation_centres_each_feature_or_channel(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    x = (random.normal(size=shape) * 40 + 7).astype(np.float32)
    x[:, 0] = 3.0
    z = normalisation_of(x)(torch.from_numpy(x)).numpy()
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(z.mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=axes)[1:], 1, atol=1e-4)


def test_a_cnn_refuses_a_table() -> None:
    with pytest.raises(TrainerError, match=r"A cnn needs samples of \[channels, height, width\]; these are \[5\]"):
        build_model(Cnn((4,), 4), normalisation_of(np.ones((3, 5), np.float32)), (5,), 2)
