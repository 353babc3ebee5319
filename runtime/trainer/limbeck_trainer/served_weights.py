"""In which numbers a language model's weights are served: int8 where that is faster and foretells as well.

The export was proven in float32 before. What int8 costs is measured on held-out windows, by the runtime that serves.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from limbeck_trainer.decoder_export import foretelling
from limbeck_trainer.export import Artefact
from limbeck_trainer.int8_weights import with_int8_weights
from limbeck_trainer.model_config import ServedWeights
from limbeck_trainer.samples import NO_TOKEN, Doubles, Floats, TokenIds

# By how much the mean loss of a token may rise, in nats: one per cent of the perplexity.
MOST_RISE = 0.01
# Below it, weights stay in the processor's cache and integers gain nothing.
WORTH_BYTES = 4 * 2**20


def served(
    artefact: Artefact, wanted: ServedWeights | None, windows: TokenIds, following: TokenIds, threads: int | None
) -> Artefact:
    """The artefact as it is to be served, and in its manifest in which numbers and why; windows and what follows each
    of their tokens are [n, t].

    Also where int8 is demanded it must foretell as well: what the gates were held against is what is served.
    """
    if wanted == "float32":
        return _float32(artefact, "as the spec demands")
    if wanted is None and len(artefact.content) < WORTH_BYTES:
        return _float32(artefact, f"int8 gains nothing below {WORTH_BYTES >> 20} MiB")
    content = with_int8_weights(artefact.content)
    if content == artefact.content:
        return _float32(artefact, "no matrix is large enough for int8")
    light = replace(artefact, content=content, sha256=hashlib.sha256(content).hexdigest())
    before, after = (_losses_of(one, windows, following, threads) for one in (artefact, light))
    if before.size == 0:
        return _float32(artefact, "there is no held-out token on which int8 could be measured")
    rise = float(after.mean() - before.mean())
    if not rise <= MOST_RISE:
        return _float32(artefact, f"int8 would raise the loss of a token by {rise:.3g} nats, over {MOST_RISE:g}")
    measured = {"lossRise": round(rise, 6), "tokens": int(before.size)}
    return _with(light, {"kind": "int8", "reason": "writing is bound by how fast weights are read", **measured})


def _float32(artefact: Artefact, reason: str) -> Artefact:
    return _with(artefact, {"kind": "float32", "reason": reason})


def _with(artefact: Artefact, weights: dict[str, object]) -> Artefact:
    return replace(artefact, members={**artefact.members, "weights": weights})


def _losses_of(artefact: Artefact, windows: TokenIds, following: TokenIds, threads: int | None) -> Doubles:
    """Place by place: the logits of all of them together need not fit into memory."""
    places = foretelling(artefact, windows, threads)
    return np.concatenate([losses(logits, following[:, place]) for place, logits in places])


def losses(logits: Floats, following: TokenIds) -> Doubles:
    """logits [n, vocabulary], following [n] -> the loss in nats of each token that there is."""
    there = following != NO_TOKEN
    scores = logits[there].astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    chosen = np.take_along_axis(scores, following[there].astype(np.int64)[:, None], axis=1)[:, 0]
    found: Doubles = np.log(np.exp(scores).sum(axis=1)) - chosen
    return found
