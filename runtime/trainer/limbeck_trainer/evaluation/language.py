"""How well a language model foretells held-out text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.intervals import Doubles, bootstrap
from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.losses import WORST_LOSS


@dataclass(frozen=True)
class Language:
    """tokens: [n], how many each sample has; metrics by the contract's names."""

    tokens: Ints
    metrics: dict[str, Measure]

    @property
    def n(self) -> int:
        """Samples, which are windows of tokens."""
        return len(self.tokens)


def evaluate_language(tokens: Ints, losses: Doubles, seed: int) -> Language:
    """Perplexity from the cross entropy, in nats, summed over the tokens of each sample: losses [n], tokens [n].

    It is exp of the mean over tokens; the bootstrap draws whole samples, since neighbouring tokens hang together.
    """

    def perplexity(weights: Doubles) -> Doubles:
        mean: Doubles = np.array([weights @ losses / (weights @ tokens)])
        return np.asarray(np.exp(np.minimum(mean, WORST_LOSS)), np.float64)

    return Language(tokens, {"perplexity": bootstrap(perplexity, len(tokens), len(tokens), seed)[0]})
