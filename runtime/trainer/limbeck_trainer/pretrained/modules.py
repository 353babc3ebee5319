"""Models of transformers behind the same two faces as ours: tokens in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicLayer

from limbeck_trainer.causal_model import CacheShape, CausalModel, New, Past, causal_bias, states_at


class PretrainedClassifier(nn.Module):
    """Classifies a text; no token sees padding and, where the model is `causal`, none sees what follows it."""

    def __init__(self, model: nn.Module, padding: int, causal: bool) -> None:
        super().__init__()
        self.model = model
        self.padding = padding
        self.causal = causal

    def forward(self, tokens: Tensor) -> Tensor:
        """[b, t], padded to any t up to the context's length -> logits [b, classes]."""
        # Not a row of padding alone: of nothing that is seen a model may make what is no number.
        return _answered(self._logits, tokens, 1 if self.padding == 0 else 0)

    def _logits(self, tokens: Tensor) -> Tensor:
        tokens = tokens.long()
        seen = (tokens != self.padding).long()
        if not torch.onnx.is_in_onnx_export():
            # Columns that are padding in every row cost time and change nothing.
            places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
            longest = max(1, int((seen * places).max()))
            tokens, seen = tokens[:, :longest], seen[:, :longest]
        logits: Tensor = self.model(input_ids=tokens, attention_mask=self._mask(seen)).logits
        return logits

    def _mask(self, seen: Tensor) -> Tensor:
        """[b, t] of an encoder. A decoder gets all of it, [b, 1, t, t]: torch's exporter cannot follow its making."""
        if not self.causal:
            return seen
        # Padding follows a text, which the text does not see anyway.
        batch, length = seen.shape
        return causal_bias(length, seen.device).expand(batch, 1, length, length)


class PretrainedDecoder(CausalModel):
    """Predicts after each token the next one."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """[b, t] -> logits [b, t, vocabulary]."""
        return _answered(self._logits, tokens, 0)

    def _logits(self, tokens: Tensor) -> Tensor:
        batch, length = tokens.shape
        bias = causal_bias(length, tokens.device).expand(batch, 1, length, length)
        places = torch.arange(length, device=tokens.device).expand(batch, length)
        answer = self.model(input_ids=tokens.long(), attention_mask=bias, position_ids=places, use_cache=False)
        logits: Tensor = answer.logits
        return logits

    def cache_shape(self) -> CacheShape:
        """As the layers themselves fill it."""
        places = torch.arange(2).unsqueeze(0)
        with torch.no_grad():
            _, new = self.step(New(torch.zeros_like(places), places, places[:, 1], causal_bias(2, places.device)))
        _, heads, head_dim, _ = new[0][0].shape
        return CacheShape(len(new), heads, head_dim)

    def step(self, new: New, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """See CausalModel. The last layer is given the wanted states alone; whatever follows it is the model's own."""
        cache = Cache(layer_class_to_replicate=Layer) if past is None else Cache(layers=[Layer(one) for one in past])
        last_layer = self.model.get_output_embeddings()
        hook = last_layer.register_forward_pre_hook(lambda _layer, given: (states_at(given[0], new.last),))
        try:
            answer = self.model(
                input_ids=new.tokens,
                attention_mask=new.bias,
                position_ids=new.places,
                past_key_values=cache,
                use_cache=True,
            )
        finally:
            hook.remove()
        return answer.logits.squeeze(1), [layer.new for layer in cache.layers]


def _answered(answer: Callable[[Tensor], Tensor], tokens: Tensor, filler: int) -> Tensor:
    """The answers [b, ...] to tokens [b, t], also to no rows: a share of a batch may have none, and transformers fails.

    One row is answered then, and cut off. Every weight gets its gradient, of zeros, and no collective is left out.
    """
    if torch.onnx.is_in_onnx_export() or len(tokens) > 0:
        return answer(tokens)
    return answer(tokens.new_full((1, tokens.shape[1]), filler))[:0]


class Layer(DynamicLayer):  # type: ignore[misc]
    """The cache of one layer: what was seen before comes from outside, and what is new is told apart from it."""

    new: Past

    def __init__(self, past: Past | None = None) -> None:
        super().__init__()
        if past is not None:
            key, value = past
            self.lazy_initialization(key)
            self.keys, self.values = key.transpose(2, 3), value

    def update(
        self, key_states: Tensor, value_states: Tensor, cache_kwargs: dict[str, Any] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens; transformers has both as [b, heads, tokens, d]."""
        self.new = (key_states.transpose(2, 3), value_states)
        keys, values = super().update(key_states, value_states, cache_kwargs)
        return keys, values

    def get_seq_length(self) -> int:
        """Tokens that were seen before; of a graph that is traced, a number that follows its input."""
        return self.keys.shape[2] if self.is_initialized and self.keys.dim() == 4 else 0
