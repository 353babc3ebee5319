"""One step: micro batches add up to the whole batch, gradients are clipped, and bfloat16 learns like float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from limbeck_trainer.distributed import Peers
from limbeck_trainer.engine import Engine
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.optimization import Optimization
from limbeck_trainer.parallel import Whole
from support import alone, config_document, digits_file, run_here
from torch import Tensor, nn

SGD = Optimization("sgd", 0.1, "constant", 1, 10, 0)


class Counting:
    """A criterion that remembers how many rows each backward pass had."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, logits: Tensor, mine: Tensor, whole: Tensor) -> Tensor:
        self.sizes.append(len(mine))
        return (logits**2).sum() / len(whole)


def step(optimization: Optimization) -> tuple[nn.Linear, list[int], float]:
    """A model after one step on ten rows, the sizes of its micro batches, its loss."""
    torch.manual_seed(0)
    x, rows = torch.randn(30, 4), torch.arange(5, 15)
    model, criterion, peers = nn.Linear(4, 3), Counting(), Peers(alone())
    loss = Engine(optimization, Whole(model, peers), criterion, peers).step(x, rows, 0.1)
    return model, criterion.sizes, float(loss)


def gradient(model: nn.Linear) -> Tensor:
    assert model.weight.grad is not None
    return model.weight.grad


@pytest.mark.parametrize(("accumulate", "sizes"), [(1, [10]), (3, [4, 3, 3]), (10, [1] * 10), (99, [1] * 10)])
def test_micro_batches_add_up_to_the_whole_batch(accumulate: int, sizes: list[int]) -> None:
    whole, _, expected = step(SGD)
    model, found, loss = step(replace(SGD, accumulate=accumulate))
    assert found == sizes
    assert loss == pytest.approx(expected)
    torch.testing.assert_close(gradient(model), gradient(whole))


def test_gradients_are_clipped_to_their_common_norm() -> None:
    free = step(SGD)[0]
    norm = float(
        nn.utils.get_total_norm([parameter.grad for parameter in free.parameters() if parameter.grad is not None])
    )
    clipped = step(replace(SGD, clip_norm=norm / 4))[0]
    torch.testing.assert_close(gradient(clipped), gradient(free) / 4)
    torch.testing.assert_close(gradient(step(replace(SGD, clip_norm=norm * 2))[0]), gradient(free))


def test_weight_decay_pulls_towards_nothing() -> None:
    plain, decayed = step(SGD)[0], step(replace(SGD, weight_decay=0.5))[0]
    assert float(decayed.weight.detach().norm()) < float(plain.weight.detach().norm())


def test_bfloat16_learns_like_float32(store: str) -> None:
    exact, rough = (
        run_here(config_document(f"{store}-{precision}", optimization={"precision": precision, "epochs": 8}))
        for precision in ("float32", "bfloat16")
    )
    assert rough["artefact"]["sha256"] != exact["artefact"]["sha256"]
    assert abs(rough["metrics"]["accuracy"]["value"] - exact["metrics"]["accuracy"]["value"]) < 0.02


def test_bfloat16_learns_a_target_far_from_zero(store: str, tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(400, 3)).astype(np.float32)
    y = 101_325 + 300 * x @ np.array([0.6, -0.3, 0.1], np.float32)
    data = {
        "source": {"kind": "s3", "uri": digits_file(tmp_path, x=x, y=y)},
        "split": {"validation": 0, "test": 0.25, "seed": 0},
    }
    optimization = {"precision": "bfloat16", "epochs": 20, "batchSize": 32, "learningRate": 0.05}
    changes = {"task": "regression", "model": {"kind": "linear"}, "data": data, "optimization": optimization}
    assert run_here(config_document(store, **changes))["metrics"]["r2"]["value"] > 0.99


def test_float16_is_refused_without_a_gpu() -> None:
    with pytest.raises(TrainerError, match="float16 needs a GPU and this worker has none: take bfloat16"):
        step(replace(SGD, precision="float16"))
