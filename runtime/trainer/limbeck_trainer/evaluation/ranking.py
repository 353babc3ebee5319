"""ROC: how well the score of a class puts its samples before all others."""

from __future__ import annotations

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.intervals import Doubles


class Ranking:
    """The samples in the order of each class's score, ready for weighing; everything is [n, classes]."""

    def __init__(self, actual: Ints, scores: Doubles) -> None:
        n, classes = scores.shape
        self._order = np.argsort(scores, axis=0, kind="stable")
        ordered = np.take_along_axis(scores, self._order, axis=0)
        self._is_hit = actual[self._order] == np.arange(classes)
        # Samples of the same score share the places from `first` up to before `after`.
        columns = [ordered[:, column] for column in range(classes)]
        self._first = np.stack([np.searchsorted(column, column, "left") for column in columns], axis=1)
        self._after = np.stack([np.searchsorted(column, column, "right") for column in columns], axis=1)
        self._shape = (n + 1, classes)

    def areas(self, weights: Doubles) -> Doubles:
        """The area under each one-vs-rest ROC curve [classes] for weights [n]; NaN for a class that is all or nothing.

        The share of pairs (a sample of the class, one of another) that the score puts in order, ties counting half:
        Hanley and McNeil, Radiology 143 (1982).
        """
        weighed = weights[self._order]
        hits = weighed * self._is_hit
        misses = np.zeros(self._shape)
        np.cumsum(weighed - hits, axis=0, out=misses[1:])
        below = np.take_along_axis(misses, self._first, axis=0)
        upto = np.take_along_axis(misses, self._after, axis=0)
        pairs = hits.sum(axis=0) * misses[-1]
        ordered = (hits * (below + upto) / 2).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            areas: Doubles = np.where(pairs > 0, ordered / pairs, np.nan)
        return areas


def roc_curve(is_hit: Ints, scores: Doubles) -> tuple[Doubles, Doubles]:
    """False and true positive rate of one class at every threshold, from (0, 0) to (1, 1); both [thresholds + 1]."""
    order = np.argsort(-scores, kind="stable")
    hits, ordered = np.cumsum(is_hit[order]), scores[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    true = np.append(0, hits[last_of_tie])
    false = np.append(0, last_of_tie + 1 - hits[last_of_tie])
    return false / max(1, false[-1]), true / max(1, true[-1])
