"""The trainer's decoder as common exporters write one, by Hugging Face's names: the past goes in, and comes out longer.

inputs   input_ids, position_ids INT64 [batch, tokens]; attention_mask INT64 [batch, past + tokens]
         for each layer past_key_values.{i}.key and .value FP32 [batch, heads, past, headDim]
outputs  logits FP32 [batch, tokens, vocabulary]; for each layer present.{i}.key and .value, as long as past and new
"""

from __future__ import annotations

import itertools
import math

import torch
from limbeck_trainer.causal_model import HIDDEN, Past
from limbeck_trainer.export import to_onnx
from limbeck_trainer.transformer import Attention, Block, Decoder
from torch import Tensor, nn

# Sizes of the example that is traced: all different and above 1, so that none is taken for a constant.
BATCH, NEW, SEEN = 2, 3, 5


class Concat(nn.Module):
    """One step of the decoder, which joins what comes to the past and gives all of it back."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, places: Tensor, mask: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """The outputs in their order."""
        trunk = self.decoder.trunk
        x = trunk.tokens(tokens) + trunk.places(places)
        bias = _bias(mask, tokens.shape[1])
        present: list[Tensor] = []
        for block, pair in zip(trunk.blocks, zip(past[::2], past[1::2], strict=True), strict=True):
            assert isinstance(block, Block)
            mixed, joined = _attend(block.attention, block.before(x), bias, pair)
            x = x + mixed
            x = x + block.hidden(block.between(x))
            present.extend(joined)
        return self.decoder.head(trunk.last(x)), *present


def _bias(mask: Tensor, length: int) -> Tensor:
    """mask [b, all] -> [b, 1, length, all]: the last `length` places see themselves and what is before them."""
    size = mask.shape[1]
    columns = torch.arange(size)
    later = columns.unsqueeze(0) > columns[size - length :].unsqueeze(1)
    absent = (mask == 0).unsqueeze(1).unsqueeze(1)
    return torch.logical_or(later, absent).float() * HIDDEN


def _attend(attention: Attention, x: Tensor, bias: Tensor, past: Past) -> tuple[Tensor, Past]:
    batch, length, width = x.shape
    heads, size = attention.heads, attention.head_dim
    joint = attention.joint(x).view(batch, length, 3, heads, size).permute(2, 0, 3, 1, 4)
    key, value = torch.cat([past[0], joint[1]], dim=2), torch.cat([past[1], joint[2]], dim=2)
    scores = (joint[0] / math.sqrt(size)) @ key.transpose(2, 3)
    mixed = torch.softmax(scores + bias, dim=3) @ value
    return attention.out(mixed.transpose(1, 2).reshape(batch, length, width)), (key, value)


def export_concat(decoder: Decoder) -> bytes:
    """The graph."""
    shape = decoder.cache_shape()
    past = [f"past_key_values.{layer}.{what}" for layer in range(shape.layers) for what in ("key", "value")]
    present = [f"present.{layer}.{what}" for layer in range(shape.layers) for what in ("key", "value")]
    tokens = torch.zeros((BATCH, NEW), dtype=torch.int64)
    mask = torch.ones((BATCH, SEEN + NEW), dtype=torch.int64)
    cache = torch.zeros((BATCH, shape.heads, SEEN, shape.head_dim))
    example = (tokens, tokens, mask, *itertools.repeat(cache, len(past)))
    axes = {
        **{name: {0: "batch", 1: "tokens"} for name in ("input_ids", "position_ids", "logits")},
        **{"attention_mask": {0: "batch", 1: "all"}},
        **{name: {0: "batch", 2: "past"} for name in past},
        **{name: {0: "batch", 2: "all"} for name in present},
    }
    inputs = ["input_ids", "position_ids", "attention_mask", *past]
    return to_onnx(Concat(decoder), example, inputs, ["logits", *present], axes)
