"""The first and the last layers of every model: raw values in, and for a regression the target's own unit out.

They are constants of the training data and part of the exported model, so that serving gets what training saw.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.model_config import Model, Pretrained, Transformer
from limbeck_trainer.models import Normalise, build_model, parameter_count
from limbeck_trainer.samples import Dataset, Feature, Ints
from limbeck_trainer.statistics import largest_of, moments_of, scale_of


class Encode(nn.Module):
    """Normalised columns [b, d] -> [b, e]: numbers first, NaN as 0 (the mean); then each category as one-hot.

    An index that no category has, or NaN, is none of the categories: all zeros.
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        super().__init__()
        self.numbers = [index for index, feature in enumerate(features) if not feature.categories]
        self.sizes = [(index, len(feature.categories)) for index, feature in enumerate(features) if feature.categories]
        self.impute = any(feature.impute for feature in features)

    @property
    def width(self) -> int:
        """e."""
        return len(self.numbers) + sum(size for _, size in self.sizes)

    def forward(self, x: Tensor) -> Tensor:
        """[b, d] -> [b, e]."""
        numbers = x[:, self.numbers]
        if self.impute:
            numbers = torch.where(torch.isnan(numbers), torch.zeros_like(numbers), numbers)
        return torch.cat([numbers, *(_one_hot(x[:, column], size) for column, size in self.sizes)], dim=1)


def _one_hot(codes: Tensor, size: int) -> Tensor:
    """[b] -> [b, size]."""
    return (codes.unsqueeze(1) == torch.arange(size, dtype=codes.dtype, device=codes.device)).to(codes.dtype)


class Restore(nn.Module):
    """z * deviation + mean: what the model says of a standardised target, in the target's own unit."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, z: Tensor) -> Tensor:
        """[b, 1] -> float32 [b, 1]: of a target far from zero, half the digits would leave one and the same number."""
        exact = z if z.dtype is torch.float32 else z.float()
        return exact * self.deviation + self.mean


def preprocessing_of(dataset: Dataset, train: Ints) -> tuple[nn.Module, tuple[int, ...]]:
    """Raw samples -> what the layers take, and the shape of that."""
    features = dataset.features
    normalise = _normalise(dataset, train)
    if not any(feature.categories or feature.impute for feature in features):
        return normalise, dataset.shape
    encode = Encode(features)
    return nn.Sequential(normalise, encode), (encode.width,)


def target_spread(dataset: Dataset, train: Ints) -> tuple[float, float]:
    """Mean and deviation of the training targets; (0, 1) for classes, and 1 for a constant."""
    if dataset.labels:
        return 0.0, 1.0
    y = dataset.y[train].astype(np.float64)
    return float(y.mean()), float(scale_of(y.std(), largest_of(y)))


def _normalise(dataset: Dataset, train: Ints) -> Normalise:
    """By the training rows, over the values that are there; the index of a category stays as it is."""
    if dataset.stream is None:
        mean, deviation = moments_of(dataset.x, train).normalisation()
    else:
        mean, deviation = dataset.stream.mean, dataset.stream.deviation
    for index, feature in enumerate(dataset.features):
        if feature.categories:
            mean[:, index], deviation[:, index] = 0.0, 1.0
    return Normalise(torch.from_numpy(mean).float(), torch.from_numpy(deviation).float())


def assemble(model: Model, dataset: Dataset, train: Ints) -> nn.Module:
    """A fresh module from raw samples to logits or, for a regression, to the target's own unit.

    What is new in it follows torch's random state; a pretrained model comes with its weights.
    """
    if isinstance(model, Transformer):
        return _transformer(model, dataset)
    if isinstance(model, Pretrained):
        return _pretrained(dataset)
    preprocessing, shape = preprocessing_of(dataset, train)
    module = build_model(model, preprocessing, shape, dataset.outputs)
    if not dataset.labels:
        module.append(Restore(*target_spread(dataset, train)))
    return module


def parameters_of(model: Model, dataset: Dataset, train: Ints) -> int:
    """How many trainable numbers `assemble` would make, without making them."""
    if dataset.foundation is not None:
        return dataset.foundation.parameters
    with torch.device("meta"):
        return parameter_count(assemble(model, dataset, train))


def _pretrained(dataset: Dataset) -> nn.Module:
    from limbeck_trainer.pretrained.building import build

    assert dataset.foundation is not None
    return build(dataset.foundation, dataset.labels)


def _transformer(model: Transformer, dataset: Dataset) -> nn.Module:
    from limbeck_trainer.transformer import Decoder, Encoder

    assert dataset.tokens is not None
    if dataset.labels:
        return Encoder(model, dataset.tokens, len(dataset.labels))
    return Decoder(model, dataset.outputs)
