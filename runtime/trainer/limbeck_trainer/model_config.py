"""The model part of the config: which architecture, and how large."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from limbeck_trainer.data_config import URI, Stored, stored_of
from limbeck_trainer.fields import POSITIVE, Bounds, Fields


@dataclass(frozen=True)
class Linear:
    """Softmax regression."""


@dataclass(frozen=True)
class Mlp:
    """A multilayer perceptron: one entry of `hidden` per hidden layer."""

    hidden: tuple[int, ...]


@dataclass(frozen=True)
class Cnn:
    """A convolutional network: one 3x3 convolution per entry of `channels`, then one hidden layer."""

    channels: tuple[int, ...]
    hidden: int


# The numbers in which a decoder's matrices are served; None where that is ours to choose.
ServedWeights = Literal["float32", "int8"]


@dataclass(frozen=True)
class Transformer:
    """Attention over at most `context_length` tokens: a decoder for causalLM, an encoder for classification.

    `tokenizer_uri` is a folder in the Hugging Face layout; None: a token is a byte.
    """

    layers: int
    heads: int
    width: int
    context_length: int
    tokenizer_uri: str | None = None
    weights: ServedWeights | None = None


@dataclass(frozen=True)
class Pretrained:
    """A model in the Hugging Face layout, a folder whose URI ends in a slash, that is trained further.

    A decoder for causalLM; for classification it gets a head for the classes of the data.
    """

    source: Stored
    context_length: int
    weights: ServedWeights | None = None


Model = Linear | Mlp | Cnn | Transformer | Pretrained
OF_TEXTS = ("transformer", "pretrained")


def model_of(fields: Fields, task: str) -> Model:
    """`model` of the contract, for the config's task."""
    kind = fields.choice("kind", ["linear", "mlp", "cnn", *OF_TEXTS])
    if task == "causalLM" and kind not in OF_TEXTS:
        fields.wrong("kind", f"must be {' or '.join(OF_TEXTS)} for the task causalLM, not {kind}")
    if task == "regression" and kind in OF_TEXTS:
        fields.wrong("kind", f"must be linear, mlp or cnn for the task {task}, not {kind}")
    model: Model = Linear()
    if kind == "mlp":
        model = Mlp(fields.integers("hidden", POSITIVE))
    elif kind == "cnn":
        model = Cnn(fields.integers("channels", POSITIVE), fields.integer("hidden", POSITIVE))
    elif kind == "transformer":
        model = _transformer(fields)
    elif kind == "pretrained":
        model = _pretrained(fields)
    fields.close()
    return model


def _transformer(fields: Fields) -> Transformer:
    model = Transformer(
        layers=fields.integer("layers", POSITIVE),
        heads=fields.integer("heads", POSITIVE),
        width=fields.integer("width", POSITIVE),
        context_length=fields.integer("contextLength", Bounds(minimum=2)),
        tokenizer_uri=_tokenizer(fields.child("tokenizer")) if fields.has("tokenizer") else None,
        weights=_weights(fields),
    )
    if model.heads and model.width % model.heads:
        fields.wrong("width", f"must be a multiple of heads ({model.heads}), not {model.width}")
    return model


def _pretrained(fields: Fields) -> Pretrained:
    source = stored_of(fields.child("source"))
    folder = replace(source, uri=source.uri.rstrip("/") + "/")
    return Pretrained(folder, fields.integer("contextLength", Bounds(minimum=2)), _weights(fields))


def _weights(fields: Fields) -> ServedWeights | None:
    if not fields.has("weights"):
        return None
    return "int8" if fields.choice("weights", ["float32", "int8"]) == "int8" else "float32"


def _tokenizer(fields: Fields) -> str:
    uri = fields.text("uri", URI).rstrip("/")
    fields.close()
    return uri
