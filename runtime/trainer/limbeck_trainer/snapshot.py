"""What a training goes on from, as a checkpoint's bytes: tensors and plain types, so that loading runs no code."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import Any

import torch

from limbeck_trainer.parallel import Weights
from limbeck_trainer.patience import Patience


@dataclass(frozen=True)
class Snapshot:
    """`engine` is Engine.state(); `best` are the weights that early stopping would keep."""

    step: int
    history: list[dict[str, float]]
    engine: dict[str, Any]
    patience: Patience
    best: Weights | None


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot and torch's random state."""
    state = {
        "step": snapshot.step,
        "history": snapshot.history,
        "engine": snapshot.engine,
        "patience": asdict(snapshot.patience),
        "best": snapshot.best,
        "random": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def decode(content: bytes) -> Snapshot:
    """The snapshot; torch's random state goes on from it too."""
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    torch.set_rng_state(state["random"])
    patience = Patience(**state["patience"])
    return Snapshot(int(state["step"]), list(state["history"]), state["engine"], patience, state["best"])
