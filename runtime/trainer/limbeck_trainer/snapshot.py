"""What a training goes on from, as a checkpoint's bytes: tensors and plain types, so that loading runs no code."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.parallel import Weights
from limbeck_trainer.patience import Patience


@dataclass(frozen=True)
class Snapshot:
    """`engine` is Engine.state(); `best` are the weights that early stopping would keep; `losses` is what rank 0 has
    noted of the round that is open."""

    step: int
    history: list[dict[str, float]]
    engine: dict[str, Any]
    patience: Patience
    best: Weights | None
    losses: tuple[float, int] = (0.0, 0)


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot and torch's random state."""
    state = {
        "step": snapshot.step,
        "history": snapshot.history,
        "engine": snapshot.engine,
        "patience": asdict(snapshot.patience),
        "best": snapshot.best,
        "losses": snapshot.losses,
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
    # Older trainers did not keep the losses.
    total, count = state.get("losses", (0.0, 0))
    history, step = list(state["history"]), int(state["step"])
    return Snapshot(step, history, state["engine"], patience, state["best"], (float(total), int(count)))


def load_weights(model: nn.Module, snapshot: Snapshot) -> None:
    """Gives a model the weights of the snapshot; DataInvalid if they are those of a model of another shape.

    With the same settings the shape follows from the data alone: its columns, its categories, its classes.
    """
    weights: Weights = snapshot.engine["model"]
    shapes, kept = _shapes(model.state_dict()), _shapes(weights)
    different = next((name for name in {**shapes, **kept} if shapes.get(name) != kept.get(name)), None)
    if different is not None:
        sizes = f"{different} is {kept.get(different, 'not in it')}, and now {shapes.get(different, 'not in it')}"
        what = f"The model of the checkpoint of step {snapshot.step} has another shape: {sizes}"
        remedy = "Put the data back as it was, or leave it, and make a new job."
        message = f"{what}. The data, or how it is read, has other columns or classes since the run began. {remedy}"
        raise TrainerError(Reason.DATA_INVALID, message)
    model.load_state_dict(weights)


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in weights.items()}
