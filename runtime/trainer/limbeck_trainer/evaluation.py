"""Metrics of a classifier from its confusion matrix, whose counts are summed over ranks and never averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from limbeck_trainer.data import Ints
from limbeck_trainer.distributed import Peers

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054
EVALUATION_BATCH = 1024

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """The contract's metrics over n samples; accuracy_low and accuracy_high are the Wilson 95 % interval."""

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_recall: float
    macro_f1: float

    def document(self) -> dict[str, float]:
        """The contract's JSON."""
        return {
            "n": self.n,
            "accuracy": round(self.accuracy, 6),
            "accuracyLow": round(self.accuracy_low, 6),
            "accuracyHigh": round(self.accuracy_high, 6),
            "macroRecall": round(self.macro_recall, 6),
            "macroF1": round(self.macro_f1, 6),
        }


def confusion_matrix(actual: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts [classes, classes]: row = actual class, column = predicted class."""
    return np.bincount(actual * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def metrics_of(confusion: Ints) -> Metrics:
    """All metrics from the counts; a class that is never predicted has F1 0."""
    n = int(confusion.sum())
    correct = int(np.trace(confusion))
    low, high = wilson_interval(correct, n)
    _, recall, f1 = per_class(confusion)
    return Metrics(n, correct / n, low, high, float(recall.mean()), float(f1.mean()))


def per_class(confusion: Ints) -> tuple[Doubles, Doubles, Doubles]:
    """Precision, recall and F1, each [classes]; 0 where nothing was there to count."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(actual, 1)
    f1 = 2 * hits / np.maximum(predicted + actual, 1)
    return precision, recall, f1


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share: right also near 0 and 1, where the normal one leaves [0, 1]."""
    share = correct / n
    scale = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / scale
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


@torch.no_grad()
def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Logits [n, classes] of x [n, ...], in batches."""
    model.eval()
    logits = [model(batch) for batch in torch.split(x, EVALUATION_BATCH)]
    model.train()
    return torch.cat(logits)


def evaluate(model: nn.Module, x: Tensor, actual: Ints, rows: Ints, peers: Peers) -> Ints:
    """The confusion matrix against `actual` [n] over `rows`, which the ranks share out without repeating any."""
    # Part by part: a stream's samples need not fit into memory together.
    parts = peers.share_in_parts(torch.from_numpy(rows), EVALUATION_BATCH)
    mine = torch.cat(parts)
    logits = torch.cat([predict(model, x[part.to(x.device)]) for part in parts])
    predicted = logits.argmax(dim=1).cpu().numpy()
    counts = confusion_matrix(actual[mine.numpy()], predicted, logits.shape[1])
    return peers.sum(torch.from_numpy(counts).to(x.device)).cpu().numpy()
