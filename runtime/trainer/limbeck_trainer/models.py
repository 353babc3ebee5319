"""Names to modules. Every module takes raw data [b, ...] and gives logits [b, classes]."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Cnn, Linear, Mlp
from limbeck_trainer.samples import Floats
from limbeck_trainer.statistics import moments_of


class Normalise(nn.Module):
    """(x - mean) / deviation with constants of the training data, so that the exported model takes raw data."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """[b, ...] -> [b, ...]."""
        return (x - self.mean) / self.deviation


def normalisation_of(x: Floats) -> Normalise:
    """Per feature for tables [n, d], per channel for everything deeper [n, c, ...]; a constant is left as it is."""
    mean, deviation = moments_of(x).normalisation()
    return Normalise(torch.from_numpy(mean).float(), torch.from_numpy(deviation).float())


def build_model(model: Linear | Mlp | Cnn, normalise: nn.Module, shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """A fresh module for samples of `shape`; its weights follow torch's random state."""
    match model:
        case Linear():
            layers = [nn.Flatten(), *_dense([_size(shape), classes])]
        case Mlp(hidden):
            layers = [nn.Flatten(), *_dense([_size(shape), *hidden, classes])]
        case Cnn(channels, hidden_units):
            layers = _convolutions(channels, hidden_units, shape, classes)
    return nn.Sequential(normalise, *layers)


def parameter_count(model: nn.Module) -> int:
    """Trainable numbers."""
    return sum(parameter.numel() for parameter in model.parameters())


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _dense(widths: list[int]) -> list[nn.Module]:
    """Linear layers between consecutive widths, ReLU between layers, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]


def _convolutions(channels: tuple[int, ...], hidden: int, shape: tuple[int, ...], classes: int) -> list[nn.Module]:
    """3x3 convolutions, each halving height and width while both allow it; then one hidden layer."""
    if len(shape) != 3:
        message = (
            f"A cnn needs samples of [channels, height, width]; these are {list(shape)}. Reshape x, or use an mlp."
        )
        raise TrainerError(Reason.DATA_INVALID, message)
    depth, height, width = shape
    layers: list[nn.Module] = []
    for outputs in channels:
        layers += [nn.Conv2d(depth, outputs, kernel_size=3, padding=1), nn.ReLU()]
        depth = outputs
        if min(height, width) >= 2:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return [*layers, nn.Flatten(), *_dense([depth * height * width, hidden, classes])]
