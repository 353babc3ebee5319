"""The decoder sees what is before a token and nothing else, and its loss is that of every token once."""

from __future__ import annotations

import math

import pytest
import torch
from limbeck_trainer.losses import next_token
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.samples import Tokens
from limbeck_trainer.transformer import Decoder, Encoder
from torch.nn import functional as F

MODEL = Transformer(layers=2, heads=2, width=16, context_length=8)
VOCABULARY = 11


def decoder() -> Decoder:
    torch.manual_seed(3)
    return Decoder(MODEL, VOCABULARY)


def test_a_token_does_not_see_what_follows() -> None:
    model, tokens = decoder(), torch.randint(VOCABULARY, (3, 8), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % VOCABULARY
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_the_order_of_tokens_matters() -> None:
    model = decoder()
    assert not torch.allclose(model(torch.tensor([[1, 2, 3]]))[:, 2], model(torch.tensor([[2, 1, 3]]))[:, 2])


def test_it_begins_as_undecided_as_chance() -> None:
    losses = F.cross_entropy(decoder()(torch.zeros((1, 8), dtype=torch.int32))[0], torch.arange(8))
    assert float(losses) == pytest.approx(math.log(VOCABULARY), rel=0.05)


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_loss_is_the_mean_over_the_tokens_that_there_are(ranks: int) -> None:
    logits = torch.randn((5, 4, VOCABULARY), generator=torch.Generator().manual_seed(2))
    y = torch.arange(20, dtype=torch.int32).reshape(5, 4) % VOCABULARY
    y[4, 1:] = -1
    criterion, whole = next_token(y, (y >= 0).sum(dim=1)), torch.arange(5)
    parts = [criterion(logits[mine], mine, whole) for mine in torch.tensor_split(whole, ranks)]
    flat = torch.cat([logits[:4].flatten(0, 1), logits[4, :1]])
    expected = F.cross_entropy(flat, torch.cat([y[:4].flatten(), y[4, :1]]).long())
    torch.testing.assert_close(torch.stack(parts).sum(), expected)


def test_padding_is_not_seen_however_much_of_it_there_is() -> None:
    torch.manual_seed(3)
    encoder = Encoder(MODEL, Tokens(VOCABULARY, 8, 10, 10, {}), 3)
    short, long = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 3, 10, 10, 10]])
    torch.testing.assert_close(encoder(short), encoder(long))
    assert not torch.allclose(encoder(short), encoder(torch.tensor([[3, 2, 1]])))
    assert torch.isfinite(encoder(torch.full((1, 8), 10))).all()
