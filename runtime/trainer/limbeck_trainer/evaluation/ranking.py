"""ROC: how well the score of a class puts its samples before all others."""

from __future__ import annotations

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.evaluation.intervals import Doubles, sums


class Ranking:
    """The samples in the order of each class's score, ready for weighing.

    Of many classes some at a time, for everything is [classes, n]: the scores are [n, some], of the classes `some`.
    """

    def __init__(self, actual: Ints, scores: Doubles, some: Ints) -> None:
        columns = np.ascontiguousarray(scores.T)
        classes, n = columns.shape
        self._order = np.argsort(columns, axis=1, kind="stable")
        ordered = np.take_along_axis(columns, self._order, axis=1)
        is_hit = actual[self._order] == some[:, None]
        # The hits, class by class: whose they are, and their places.
        self._owners, self._places = np.nonzero(is_hit)
        # Samples of the same score share the places from `_from` up to before `_after`.
        hits = [ordered[row, is_hit[row]] for row in range(classes)]
        self._from = np.concatenate([np.searchsorted(ordered[row], hits[row], "left") for row in range(classes)])
        self._after = np.concatenate([np.searchsorted(ordered[row], hits[row], "right") for row in range(classes)])
        self._shape = (classes, n + 1)

    def areas(self, weights: Doubles) -> Doubles:
        """The area under each one-vs-rest ROC curve [classes] for weights [n]; NaN for a class that is all or nothing.

        The share of pairs (a sample of the class, one of another) that the score puts in order, ties counting half:
        Hanley and McNeil, Radiology 143 (1982).
        """
        weighed = weights[self._order]
        hits = weighed[self._owners, self._places]
        weighed[self._owners, self._places] = 0
        misses = np.zeros(self._shape)
        np.cumsum(weighed, axis=1, out=misses[:, 1:])
        below, upto = misses[self._owners, self._from], misses[self._owners, self._after]
        pairs = sums(hits, self._owners, len(misses)) * misses[:, -1]
        ordered = sums(hits * (below + upto) / 2, self._owners, len(misses))
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
