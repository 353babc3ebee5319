"""Weights that no answer depends on stay as they are, whoever trains the rest, and are told from experts."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
import torch
from groups import run_group
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.pretrained.building import build
from limbeck_trainer.pretrained.unreached import keep_unreached
from support import Document, attempt
from test_tuning import tuning
from tiny_models import opened
from torch import Tensor, nn

TOKENS = torch.tensor([[2, 9, 11, 14, 3], [2, 8, 3, 0, 0]])
LABELS = ("blue", "green", "red")
# Computed, and not learnt.
PLACES = "model.roformer.encoder.embed_positions.weight"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("bert", []),
        ("esm", ["model.esm.contact_head.regression.bias", "model.esm.contact_head.regression.weight"]),
        ("roformer", [PLACES]),
    ],
)
def test_they_are_found_and_nothing_else_is(tmp_path: Path, kind: str, names: list[str]) -> None:
    module = build(opened(tiny_models.save_encoder(tmp_path, kind)), LABELS).train()
    assert keep_unreached(module, TOKENS, "s3://b/m/") == names
    assert sorted(name for name, it in module.named_parameters() if not it.requires_grad) == names
    assert module.training
    assert all(it.grad is None for it in module.parameters())
    module(TOKENS).sum().backward()


class Branch(nn.Module):
    """Who has the token 8 is answered by a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.expert = nn.Embedding(20, 3), nn.Linear(3, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.gate(tokens).mean(dim=1)
        return self.expert(states) if (tokens == 8).any() else states


def test_what_other_texts_reach_after_all_is_refused_by_its_name() -> None:
    module = Branch()
    assert keep_unreached(module, TOKENS[:1], "s3://b/m/") == ["expert.bias", "expert.weight"]
    module(TOKENS[:1])
    with pytest.raises(TrainerError, match=r"s3://b/m/ has weights that only some texts reach \(expert\)") as caught:
        module(TOKENS)
    assert caught.value.reason is Reason.CONFIG_INVALID


def config(store: Path, folder: Path, strategy: str) -> Document:
    document = tuning(store.as_uri(), folder, "classification", epochs=1)
    decay = {"optimizer": "adamw", "weightDecay": 0.5}
    changes = {"optimization": {**document["optimization"], **decay}, "distribution": {"strategy": strategy}}
    return {**document, **changes}


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_group_neither_waits_for_them_nor_changes_them(tmp_path: Path, strategy: str) -> None:
    folder = tiny_models.save_encoder(tmp_path / "model", "roformer")
    # One process begins, the group goes on from its checkpoint.
    document = config(tmp_path / "s", tmp_path, "auto")
    assert run_group(tmp_path / "alone", document, 1, stop_after=3).result["reason"] == "Interrupted"
    ended = run_group(tmp_path / "group", attempt(config(tmp_path / "s", tmp_path, strategy), 2), 2)
    assert (ended.result.get("reason"), ended.result["resumedFromStep"]) == (None, 3)
    assert ended.line("weights that no answer depends on stay as they are")["names"] == [PLACES]
    newest = max((tmp_path / "s").rglob("step-*.pt"), key=lambda path: path.name)
    state = torch.load(newest, weights_only=True)["engine"]
    came = build(opened(folder), LABELS).state_dict()
    torch.testing.assert_close(state["model"][PLACES], came[PLACES], rtol=0, atol=0)
    assert PLACES not in state["optimizer"]
