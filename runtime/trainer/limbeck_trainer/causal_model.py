"""What a decoder can do, ours or a pretrained one: foretell, and go on from keys and values that it made before."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Added to the scores of what must not be seen.
HIDDEN = -1e9

# Key [b, heads, d, past] and value [b, heads, past, d] of tokens that were seen before.
Past = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class CacheShape:
    """`heads` are those of keys and values, each of `head_dim` numbers."""

    layers: int
    heads: int
    head_dim: int


@dataclass(frozen=True)
class New:
    """tokens and places [b, t], last [b], bias [b, 1, t, past + t]: what comes at once, and what each token may see."""

    tokens: Tensor
    places: Tensor
    last: Tensor
    bias: Tensor


class CausalModel(nn.Module):
    """Predicts after each token the next one: forward takes tokens [b, t] and gives logits [b, t, vocabulary]."""

    @abstractmethod
    def cache_shape(self) -> CacheShape:
        """Of the keys and values of a token."""

    @abstractmethod
    def step(self, new: New, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Logits [b, vocabulary] after the token at `last`; of each layer the keys and values of the new tokens."""


def states_at(states: Tensor, last: Tensor) -> Tensor:
    """Of states [b, t, width] those at the places `last` [b]: [b, 1, width]."""
    return states.gather(1, last.reshape(-1, 1, 1).expand(-1, 1, states.shape[2]))


def causal_bias(length: int, device: torch.device) -> Tensor:
    """[1, 1, length, length]: each place sees itself and what is before it."""
    return torch.full((1, 1, length, length), HIDDEN, device=device).triu(1)
