"""Transformers over tokens, pre-normalised as GPT-2's: a decoder foretells the next one, an encoder classifies.

Plain operators, so that torch's exporter writes them as ONNX of opset 17; no dropout, so that a resumed run walks the
course of an uninterrupted one.

Vaswani et al., Attention Is All You Need, NeurIPS 2017; Radford et al., Language Models are Unsupervised Multitask
Learners, 2019.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from limbeck_trainer.causal_model import HIDDEN, CacheShape, CausalModel, New, Past, causal_bias, states_at
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.samples import Tokens

DEVIATION = 0.02


class Attention(nn.Module):
    """Self-attention whose scores over cached and over new tokens are two products: the cache is never copied."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = width // heads
        self.joint = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """x [b, t, width], bias [b or 1, 1, t or 1, past + t] -> [b, t, width] and the new keys and values."""
        batch, length, width = x.shape
        heads = self.joint(x).view(batch, length, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        query, key, value = heads[0] / math.sqrt(self.head_dim), heads[1].transpose(2, 3), heads[2]
        scores = query @ key
        if past is not None:
            scores = torch.cat([query @ past[0], scores], dim=3)
        shares = torch.softmax(scores + bias, dim=3)
        if past is None:
            mixed = shares @ value
        else:
            seen = past[1].shape[2]
            mixed = shares[..., :seen] @ past[1] + shares[..., seen:] @ value
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width)), (key, value)


class Block(nn.Module):
    """Attention, then a hidden layer four times as wide; each adds to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.between = nn.LayerNorm(width)
        self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, bias: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """[b, t, width] -> [b, t, width] and the new keys and values."""
        mixed, new = self.attention(self.before(x), bias, past)
        x = x + mixed
        return x + self.hidden(self.between(x)), new


class Trunk(nn.Module):
    """Embeddings of tokens and places, blocks, and a last normalisation."""

    def __init__(self, model: Transformer, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, model.width)
        self.places = nn.Embedding(model.context_length, model.width)
        self.blocks = nn.ModuleList(Block(model.width, model.heads) for _ in range(model.layers))
        self.last = nn.LayerNorm(model.width)
        self.apply(_initialise)
        for block in self.blocks:
            # The sum over the blocks then starts with a deviation that does not grow with their number.
            for end in (block.attention.out, block.hidden[2]):
                nn.init.normal_(end.weight, std=DEVIATION / math.sqrt(2 * model.layers))

    def forward(
        self, tokens: Tensor, places: Tensor, bias: Tensor, past: list[Past] | None = None
    ) -> tuple[Tensor, list[Past]]:
        """tokens and places [b, t] -> states [b, t, width], and the new keys and values of each block."""
        x = self.tokens(tokens) + self.places(places)
        cache = []
        for index, block in enumerate(self.blocks):
            x, new = block(x, bias, None if past is None else past[index])
            cache.append(new)
        return self.last(x), cache


class Decoder(CausalModel):
    """Predicts after each token the next one."""

    def __init__(self, model: Transformer, vocabulary: int) -> None:
        super().__init__()
        self.trunk = Trunk(model, vocabulary)
        self.head = nn.Linear(model.width, vocabulary, bias=False)
        _initialise(self.head)

    def forward(self, tokens: Tensor) -> Tensor:
        """[b, t] -> logits [b, t, vocabulary]; each place sees itself and what is before it."""
        length = tokens.shape[1]
        places = torch.arange(length, device=tokens.device).unsqueeze(0)
        states, _ = self.trunk(tokens.long(), places, causal_bias(length, tokens.device))
        logits: Tensor = self.head(states)
        return logits

    def cache_shape(self) -> CacheShape:
        """See CausalModel."""
        block = self.trunk.blocks[0]
        assert isinstance(block, Block)
        return CacheShape(len(self.trunk.blocks), block.attention.heads, block.attention.head_dim)

    def step(self, new: New, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """See CausalModel."""
        states, cache = self.trunk(new.tokens, new.places, new.bias, past)
        return self.head(states_at(states, new.last).squeeze(1)), cache


class Encoder(nn.Module):
    """Classifies a text by the mean of its tokens' states; every token sees every other, and none sees padding."""

    def __init__(self, model: Transformer, tokens: Tokens, classes: int) -> None:
        super().__init__()
        self.padding = tokens.padding
        self.trunk = Trunk(model, tokens.vocabulary)
        self.head = nn.Linear(model.width, classes)
        _initialise(self.head)

    def forward(self, tokens: Tensor) -> Tensor:
        """[b, t], padded to any t up to the context's length -> logits [b, classes]."""
        tokens = tokens.long()
        seen = (tokens != self.padding).float()
        bias = ((1 - seen) * HIDDEN).unsqueeze(1).unsqueeze(1)
        places = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        states, _ = self.trunk(tokens, places, bias)
        mean = (states * seen.unsqueeze(2)).sum(1) / seen.sum(1, keepdim=True).clamp(min=1)
        logits: Tensor = self.head(mean)
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=DEVIATION)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
