"""In which numbers a language model's weights are served: int8 where that is faster and foretells as well.

The export was proven in float32 before. What int8 costs is measured on held-out windows, by the runtime that serves,
and goes into the figures that gates are held against: these are of the file that is served.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from limbeck_trainer.decoder_export import foretelling
from limbeck_trainer.evaluation.intervals import Z95
from limbeck_trainer.evaluation.language import Language
from limbeck_trainer.evaluation.measure import Measure
from limbeck_trainer.export import Artefact
from limbeck_trainer.int8_weights import with_int8_weights
from limbeck_trainer.model_config import ServedWeights
from limbeck_trainer.samples import NO_TOKEN, Doubles, Floats, TokenIds

# By how much the mean loss of a token may rise, in nats: one per cent of the perplexity.
MOST_RISE = 0.01
# Below it, weights stay in the processor's cache and integers gain nothing.
WORTH_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Cost:
    """Of int8, on so many held-out tokens: by how many nats the mean loss of one rises, the standard error of that, and
    for which share of them the same token is named as in float32."""

    rise: float
    error: float
    tokens: int
    same: float


@dataclass(frozen=True)
class Served:
    """The artefact as it is to be served, and in its manifest in which numbers and why; no cost: in float32."""

    artefact: Artefact
    cost: Cost | None = None

    def judged(self, trained: Language) -> tuple[Artefact, Language]:
        """The artefact and its figures, from those of the trained model on the whole split; the manifest has both.

        Both foretell alike but for the cost, so that a few windows tell it far more exactly than the perplexity is
        known itself; what is not known of either widens the interval.
        """
        if self.cost is None:
            return self.artefact, trained
        before, error = trained.metrics["perplexity"], Z95 * self.cost.error
        value = before.value * math.exp(self.cost.rise)
        low, high = (math.hypot(math.log(end / before.value), error) for end in (before.low, before.high))
        after = Measure(value, value * math.exp(-low), value * math.exp(high))
        told = _with(self.artefact, {"trainedPerplexity": before.document()})
        return told, replace(trained, metrics={"perplexity": after})


def served(
    artefact: Artefact, wanted: ServedWeights | None, windows: TokenIds, following: TokenIds, threads: int | None
) -> Served:
    """windows and what follows each of their tokens: [n, t]. Also where int8 is demanded it must foretell as well."""
    if wanted == "float32":
        return _float32(artefact, "as the spec demands")
    if wanted is None and len(artefact.content) < WORTH_BYTES:
        return _float32(artefact, f"int8 gains nothing below {WORTH_BYTES >> 20} MiB")
    content = with_int8_weights(artefact.content)
    if content == artefact.content:
        return _float32(artefact, "no matrix is large enough for int8")
    light = replace(artefact, content=content, sha256=hashlib.sha256(content).hexdigest())
    there = following != NO_TOKEN
    if not there.any():
        return _float32(artefact, "there is no held-out token on which int8 could be measured")
    before, after = (_foretold(one, windows, following, threads) for one in (artefact, light))
    cost = _cost_of(before, after, there)
    if not cost.rise <= MOST_RISE:
        return _float32(artefact, f"int8 would raise the loss of a token by {cost.rise:.3g} nats, over {MOST_RISE:g}")
    measured = {"lossRise": round(cost.rise, 6), "tokens": cost.tokens, "sameTokens": round(cost.same, 6)}
    weights = {"kind": "int8", "reason": "writing is bound by how fast weights are read", **measured}
    return Served(_with(light, weights), cost)


def _float32(artefact: Artefact, reason: str) -> Served:
    return Served(_with(artefact, {"kind": "float32", "reason": reason}))


def _with(artefact: Artefact, more: dict[str, object]) -> Artefact:
    weights: Any = artefact.members.get("weights", {})
    return replace(artefact, members={**artefact.members, "weights": {**weights, **more}})


@dataclass(frozen=True)
class _Foretold:
    """Of windows [n, t]: the loss of each, in nats, summed over its tokens [n], and the token named at each place."""

    losses: Doubles
    named: TokenIds


def _foretold(artefact: Artefact, windows: TokenIds, following: TokenIds, threads: int | None) -> _Foretold:
    """Place by place from the first on: the logits of all of them together need not fit into memory."""
    sums, named = np.zeros(len(windows)), np.zeros(windows.shape, dtype=np.int32)
    for place, logits in foretelling(artefact, windows, threads, 1):
        sums[following[:, place] != NO_TOKEN] += losses(logits, following[:, place])
        named[:, place] = logits.argmax(axis=1)
    return _Foretold(sums, named)


def _cost_of(before: _Foretold, after: _Foretold, there: npt.NDArray[np.bool_]) -> Cost:
    """there: [n, t]. Whole windows are drawn, since neighbouring tokens hang together."""
    counts, rises = there.sum(axis=1), after.losses - before.losses
    rise, n = float(rises.sum() / counts.sum()), len(rises)
    # Of a single window nobody knows more than that.
    spread = float(np.sqrt((n / (n - 1)) * np.square(rises - rise * counts).sum())) if n > 1 else abs(float(rises[0]))
    same = (before.named == after.named)[there].mean()
    return Cost(rise, spread / int(counts.sum()), int(counts.sum()), float(same))


def losses(logits: Floats, following: TokenIds) -> Doubles:
    """logits [n, vocabulary], following [n] -> the loss in nats of each token that there is."""
    there = following != NO_TOKEN
    scores = logits[there].astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    chosen = np.take_along_axis(scores, following[there].astype(np.int64)[:, None], axis=1)[:, 0]
    found: Doubles = np.log(np.exp(scores).sum(axis=1)) - chosen
    return found
