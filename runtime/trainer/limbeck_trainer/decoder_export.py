"""A decoder as ONNX by the contract split-v1: the cache is an input, the rows to be appended to it are outputs.

inputs   input_ids, position_ids INT64 [batch, tokens]; last INT64 [batch]; bias FP32 [batch, 1, tokens, past + tokens]
         for each layer past.{i}.key FP32 [batch, heads, headDim, past], past.{i}.value [batch, heads, past, headDim]
outputs  logits FP32 [batch, vocabulary] of the token at `last`; for each layer new.{i}.key and new.{i}.value, as the
         cache has them, of the new tokens
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.causal_model import HIDDEN, CausalModel, New
from limbeck_trainer.data import Floats, Ints
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.export import Artefact, difference_of, to_onnx
from limbeck_trainer.onnx_model import session_of
from limbeck_trainer.samples import Dataset, TokenIds

# Sizes of the example that is traced: all different and above 1, so that none is taken for a constant.
BATCH, NEW, SEEN = 2, 3, 5
# Held-out windows that are told token by token, and how many tokens of each are given at once first.
PARITY_WINDOWS = 8
PREFILL_SHARE = 0.25
# The trained model's logits are held for one of so many parts of the places: those of all places, of some windows and a
# large vocabulary, can take more memory than the training did.
PARITY_PARTS = 4

Cache = list[Floats]


class Split(nn.Module):
    """One step of the decoder with its cache."""

    def __init__(self, decoder: CausalModel) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, places: Tensor, last: Tensor, bias: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """The outputs of the contract, in its order."""
        pairs = list(zip(past[::2], past[1::2], strict=True))
        logits, new = self.decoder.step(New(tokens, places, last, bias), pairs)
        return logits, *itertools.chain(*new)


def export_decoder(decoder: CausalModel, dataset: Dataset) -> Artefact:
    """The graph, and what the manifest says of it."""
    assert dataset.tokens is not None
    decoder = decoder.cpu().eval()
    shape = decoder.cache_shape()
    layers, heads, size = shape.layers, shape.heads, shape.head_dim
    past = [(f"past.{layer}.key", f"past.{layer}.value") for layer in range(layers)]
    new = [(f"new.{layer}.key", f"new.{layer}.value") for layer in range(layers)]
    inputs = ["input_ids", "position_ids", "last", "bias", *itertools.chain(*past)]
    outputs = ["logits", *itertools.chain(*new)]
    axes = _axes(inputs, outputs)
    content = to_onnx(Split(decoder), _example(layers, heads, size), inputs, outputs, axes)
    digest = hashlib.sha256(content).hexdigest()
    fixed = {"key": [-1, heads, size, -1], "value": [-1, heads, -1, size]}
    shapes = {
        **{"input_ids": [-1, -1], "position_ids": [-1, -1], "last": [-1], "bias": [-1, 1, -1, -1]},
        **{"logits": [-1, dataset.outputs]},
        **{name: fixed[name.rsplit(".", 1)[1]] for pair in (*past, *new) for name in pair},
    }
    whole = {"input_ids", "position_ids", "last"}

    def described(names: list[str]) -> list[dict[str, object]]:
        kinds = {name: "INT64" if name in whole else "FP32" for name in names}
        return [{"name": name, "datatype": kinds[name], "shape": shapes[name]} for name in names]

    about = {
        **{"contract": "split-v1", "layers": layers, "heads": heads, "headDim": size},
        **{"vocabulary": dataset.outputs, "contextLength": dataset.tokens.context_length},
        **{"endTokens": [dataset.tokens.end]},
    }
    files = dataset.tokens.files
    return Artefact(content, digest, described(inputs), described(outputs), {"decoder": about}, files)


def prove_decoder(
    artefact: Artefact, decoder: CausalModel, windows: TokenIds, threads: int | None
) -> tuple[int, float]:
    """How many decisions were compared, and the largest difference of a logit: the start of each window at once, then
    token by token with the cache, against the trained model without one. ParityBroken if a difference matters."""
    told = foretelling(artefact, windows, threads)
    expected = _expected(decoder.eval(), windows)
    found = [difference_of(actual, wanted) for (_, actual), wanted in zip(told, expected, strict=True)]
    count = len(windows) * len(found)
    wrong = [one for one in found if one.matters]
    if wrong:
        worst, flips = max(wrong, key=lambda one: one.severity), sum(one.flips for one in wrong)
        message = (
            f"The exported decoder differs from the trained one by {worst.delta:.3g} (at most {worst.bound:.3g}) and "
            f"in {flips} of {count} next tokens. Nothing was uploaded; the export is at fault."
        )
        raise TrainerError(Reason.PARITY_BROKEN, message)
    return count, max(one.largest for one in found)


def _expected(decoder: CausalModel, windows: TokenIds) -> Iterator[Floats]:
    """windows [b, t] -> the trained model's logits [b, vocabulary] at each place of `foretelling`."""
    length = windows.shape[1]
    first = _at_once(length) - 1
    size = -(-(length - first) // PARITY_PARTS)
    for start in range(first, length, size):
        end = min(length, start + size)
        with torch.no_grad():
            # Nothing sees what follows it. A copy each: the logits of the places before would stay with a part of them.
            parts = [decoder(torch.from_numpy(row[None, :end]))[0, start:].numpy().copy() for row in windows]
        for place in range(end - start):
            yield np.stack([part[place] for part in parts])


def foretelling(
    artefact: Artefact, windows: TokenIds, threads: int | None, at_once: int | None = None
) -> Iterator[tuple[int, Floats]]:
    """windows [b, t]: the start of each at once, then token by token -> each place in t, and logits [b, vocabulary]."""
    stepper = Stepper(artefact, threads)
    first = at_once or _at_once(windows.shape[1])
    yield first - 1, stepper.step(windows[:, :first])
    for place in range(first, windows.shape[1]):
        yield place, stepper.step(windows[:, place : place + 1])


def _at_once(length: int) -> int:
    """How many tokens of a window are given at once first."""
    return max(1, int(length * PREFILL_SHARE))


class Stepper:
    """Runs the exported graph as a server does: it keeps the cache and appends the new rows."""

    def __init__(self, artefact: Artefact, threads: int | None) -> None:
        self._session = session_of(artefact.content, threads)
        self._names = [tensor["name"] for tensor in artefact.inputs[4:]]
        shapes = [tensor["shape"] for tensor in artefact.inputs[4:]]
        self._shapes = shapes
        self._cache: Cache = []

    def step(self, tokens: TokenIds) -> Floats:
        """tokens [b, t], the next ones of each row -> logits [b, vocabulary] after the last of them."""
        batch, count = tokens.shape
        if not self._cache:
            self._cache = [np.zeros(_empty(shape, batch), dtype=np.float32) for shape in self._shapes]
        seen = self._cache[0].shape[3]
        places: Ints = np.tile(np.arange(seen, seen + count), (batch, 1))
        bias = np.triu(np.full((count, seen + count), HIDDEN, dtype=np.float32), seen + 1)
        given = {
            "input_ids": tokens.astype(np.int64),
            "position_ids": places,
            "last": np.full(batch, count - 1, dtype=np.int64),
            "bias": np.tile(bias, (batch, 1, 1, 1)),
            **dict(zip(self._names, self._cache, strict=True)),
        }
        logits, *new = self._session.run(None, given)
        self._cache = [
            np.concatenate(pair, axis=3 - index % 2) for index, pair in enumerate(zip(self._cache, new, strict=True))
        ]
        answer: Floats = logits
        return answer


def _empty(shape: list[int], batch: int) -> list[int]:
    return [batch, *(max(0, size) for size in shape[1:])]


def _example(layers: int, heads: int, size: int) -> tuple[Tensor, ...]:
    tokens = torch.zeros((BATCH, NEW), dtype=torch.int64)
    key, value = torch.zeros((BATCH, heads, size, SEEN)), torch.zeros((BATCH, heads, SEEN, size))
    last = torch.full((BATCH,), NEW - 1, dtype=torch.int64)
    return (tokens, tokens, last, torch.zeros((BATCH, 1, NEW, SEEN + NEW)), *[key, value] * layers)


def _axes(inputs: list[str], outputs: list[str]) -> dict[str, dict[int, str]]:
    """Which axes have any size."""
    named: dict[str, dict[int, str]] = {
        "input_ids": {0: "batch", 1: "tokens"},
        "position_ids": {0: "batch", 1: "tokens"},
        "last": {0: "batch"},
        "bias": {0: "batch", 2: "tokens", 3: "all"},
        "logits": {0: "batch"},
    }
    for names, grows in ((inputs, "past"), (outputs, "tokens")):
        named |= {name: {0: "batch", 3: grows} for name in names if name.endswith(".key")}
        named |= {name: {0: "batch", 2: grows} for name in names if name.endswith(".value")}
    return named
