"""Models of transformers behind our two faces: padding is not seen, and the cache is the same as seeing all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
import torch
from limbeck_trainer.causal_model import CacheShape, CausalModel, New, causal_bias
from limbeck_trainer.pretrained.building import build
from tiny_models import opened

TEXT = torch.tensor([[2, 9, 11, 14, 3]])
LABELS = ("blue", "green", "red")


def decoder(folder: Path, kind: str, **changes: int) -> CausalModel:
    module = build(opened(tiny_models.save_decoder(folder, kind, **changes), "causalLM"), ()).eval()
    assert isinstance(module, CausalModel)
    return module


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "llama"])
def test_padding_is_not_seen_however_much_of_it_there_is(tmp_path: Path, kind: str) -> None:
    save = tiny_models.save_decoder if kind in ("gpt2", "llama") else tiny_models.save_encoder
    module = build(opened(save(tmp_path, kind)), LABELS).eval()
    padded = torch.nn.functional.pad(TEXT, (0, 9))
    longer = torch.arange(2, 11).unsqueeze(0)
    # Beside a longer text, so that its padding is not simply cut off.
    both = torch.cat([padded[:, :9], longer])
    with torch.no_grad():
        torch.testing.assert_close(module(padded), module(TEXT))
        torch.testing.assert_close(module(both)[:1], module(TEXT))
        assert not torch.allclose(module(TEXT), module(TEXT.flip(1)))
        assert torch.isfinite(module(torch.zeros((1, 4), dtype=torch.int32))).all()


@pytest.mark.parametrize(
    ("kind", "labels", "shape"),
    [
        ("bert", LABELS, (0, 3)),
        ("roberta", LABELS, (0, 3)),
        ("gpt2", LABELS, (0, 3)),
        ("llama", LABELS, (0, 3)),
        ("gpt2", (), (0, 5, 320)),
        ("llama", (), (0, 5, 320)),
    ],
)
def test_no_rows_have_no_answers_and_teach_nothing_but_reach_every_weight(
    tmp_path: Path, kind: str, labels: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    """A share of a batch may have none: whoever then left a gradient out would keep the others waiting for it."""
    save = tiny_models.save_decoder if kind in ("gpt2", "llama") else tiny_models.save_encoder
    module = build(opened(save(tmp_path, kind), "classification" if labels else "causalLM"), labels)
    module(TEXT).sum().backward()
    taught = {name for name, weight in module.named_parameters() if weight.grad is not None}
    module.zero_grad()
    answers = module(TEXT[:0])
    assert answers.shape == shape
    answers.sum().backward()
    reached = {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
    assert set(reached) == taught
    assert not any(gradient.any() for gradient in reached.values())


def test_a_token_does_not_see_what_follows(tmp_path: Path) -> None:
    module = decoder(tmp_path, "gpt2")
    changed = TEXT.clone()
    changed[:, 3:] += 1
    with torch.no_grad():
        torch.testing.assert_close(module(TEXT)[:, :3], module(changed)[:, :3])
        assert not torch.allclose(module(TEXT)[:, 3], module(changed)[:, 3])


@pytest.mark.parametrize(("kind", "heads"), [("gpt2", 4), ("llama", 2), ("gemma2", 2)])
def test_token_by_token_it_says_what_it_says_at_once(tmp_path: Path, kind: str, heads: int) -> None:
    module = decoder(tmp_path, kind)
    assert module.cache_shape() == CacheShape(layers=2, heads=heads, head_dim=8)
    bias = causal_bias(5, TEXT.device)
    with torch.no_grad():
        whole = module(TEXT)
        last, past = module.step(New(TEXT[:, :3], torch.arange(3)[None], torch.tensor([1]), bias[:, :, :3, :3]))
        torch.testing.assert_close(last, whole[:, 1])
        for place in (3, 4):
            given = New(
                TEXT[:, place : place + 1],
                torch.tensor([[place]]),
                torch.tensor([0]),
                bias[:, :, place : place + 1, : place + 1],
            )
            last, new = module.step(given, past)
            torch.testing.assert_close(last, whole[:, place], rtol=1e-4, atol=1e-5)
            past = [
                (torch.cat([old[0], more[0]], 3), torch.cat([old[1], more[1]], 2))
                for old, more in zip(past, new, strict=True)
            ]


def test_a_step_leaves_no_trace_in_the_model(tmp_path: Path) -> None:
    module = decoder(tmp_path, "gpt2")
    with torch.no_grad():
        before = module(TEXT)
        module.cache_shape()
        torch.testing.assert_close(module(TEXT), before, rtol=0, atol=0)
        assert before.shape == (1, 5, 320)
