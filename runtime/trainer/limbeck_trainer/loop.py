"""The one training loop. Distillation is another criterion, a control student other rows; the loop is the same.

It refuses to go on with a loss that is not finite, and it never leaves without saying at which step.
"""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.checkpoint import Checkpoints, Due, Identity
from limbeck_trainer.config import Config
from limbeck_trainer.data import Dataset, Rows
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation import evaluate, metrics_of
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.log import Log
from limbeck_trainer.losses import Criterion
from limbeck_trainer.models import build_model, normalisation_of
from limbeck_trainer.plan import Plan, learning_rate_at
from limbeck_trainer.progress import Board
from limbeck_trainer.store import Store


@dataclass(frozen=True)
class Session:
    """What every part of a run shares."""

    config: Config
    store: Store
    board: Board
    interruption: Interruption
    log: Log


@dataclass(frozen=True)
class Material:
    """The samples on this rank's device: x float32 [n, ...], y int64 [n]; `rows` says what each is for."""

    dataset: Dataset
    rows: Rows
    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Stage:
    """One training of a run: its rows, its criterion, its budget."""

    name: str
    plan: Plan
    criterion: Criterion
    steps: int
    # A round ends with validation, a log line and a point of the history: an epoch of the main training.
    round_steps: int
    # Steps of the run before this stage, for the progress of the whole.
    steps_before: int = 0


@dataclass
class Trained:
    """A stage's end: the model, its steps, the step it was resumed from (0: none), and one point per round."""

    model: nn.Sequential
    steps: int = 0
    resumed_from: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Training:
    """One stage on one rank, from its checkpoint or from scratch to its last step."""

    def __init__(self, session: Session, peers: Peers, material: Material, stage: Stage) -> None:
        self._session = session
        self._peers = peers
        self._material = material
        self._stage = stage
        self._log = session.log.child(stage=stage.name)
        self._checkpoints = Checkpoints(session.store, _identity(session.config), stage.name, self._log)
        self._step = 0
        self._losses: list[float] = []
        torch.manual_seed(session.config.optimization.seed)
        dataset = material.dataset
        normalise = normalisation_of(dataset.x[material.rows.train])
        model = build_model(session.config.model, normalise, dataset.shape, len(dataset.labels)).to(peers.device)
        self._trained = Trained(model, stage.steps)
        self._optimizer = _optimizer(session.config, model)

    def run(self) -> Trained:
        """Trains to the last step; TrainerError says why not."""
        self._resume()
        wrapped = self._peers.wrap(self._trained.model)
        due = Due(self._session.config.checkpoint_seconds, time.monotonic, time.monotonic())
        began, first = time.monotonic(), self._step
        try:
            while self._step < self._stage.steps:
                self._stop_if_asked()
                self._advance(wrapped)
                self._report((time.monotonic() - began) / (self._step - first))
                if self._step % self._stage.round_steps == 0:
                    self._close_round()
                if self._peers.leads and due.passed():
                    self._save()
                    due = due.again()
        except TrainerError as error:
            self._leave(error)
        if self._peers.leads and self._step > first:
            self._save()
        return self._trained

    def _advance(self, wrapped: nn.Module) -> None:
        whole = torch.from_numpy(self._stage.plan.batch(self._step)).to(self._peers.device)
        mine = self._peers.share(whole)
        rate = learning_rate_at(self._step, self._stage.steps, self._session.config.optimization)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        # DDP averages over ranks what has to be summed.
        with self._peers.guard():
            loss = self._stage.criterion(wrapped(self._material.x[mine]), mine, whole) * self._peers.world_size
            value = float(loss.detach())
            try:
                # Also when the loss is not finite: the others wait for this rank's gradients and must see it too.
                loss.backward()  # type: ignore[no-untyped-call]
            finally:
                self._refuse_non_finite(value)
        self._optimizer.step()
        self._step += 1
        self._losses.append(value)

    def _refuse_non_finite(self, value: float) -> None:
        if math.isfinite(value):
            return
        step = self._step + 1
        message = (
            f"The loss became {value} at step {step} of {self._stage.steps} ({self._stage.name}). "
            "Lower optimization.learningRate, or look for extreme values in the data."
        )
        raise TrainerError(Reason.NON_FINITE_LOSS, message, step)

    def _report(self, seconds_per_step: float) -> None:
        session, done = self._session, self._stage.steps_before + self._step
        session.board.update(
            step=done,
            epoch=math.ceil(done / self._stage.round_steps),
            loss=self._losses[-1],
            samples_per_second=min(session.config.optimization.batch_size, len(self._stage.plan.rows))
            / max(seconds_per_step, 1e-9),
            eta_seconds=round((session.board.progress.steps - done) * seconds_per_step),
        )

    def _close_round(self) -> None:
        totals = torch.tensor([sum(self._losses), len(self._losses)], dtype=torch.float64, device=self._peers.device)
        total, count = self._peers.sum(totals).tolist()
        point = {"step": float(self._step), "loss": total / max(1.0, count)}
        rows = self._material.rows.validation
        if len(rows) > 0:
            model, dataset = self._trained.model, self._material.dataset
            point["validationAccuracy"] = metrics_of(
                evaluate(model, self._material.x, dataset.y, rows, self._peers)
            ).accuracy
        self._losses = []
        self._trained.history.append(point)
        if self._peers.leads:
            shown = {key: round(value, 6) for key, value in point.items()}
            self._log.info("epoch trained", **{**shown, "step": self._step, "steps": self._stage.steps})

    def _stop_if_asked(self) -> None:
        if self._session.interruption.requested:
            raise TrainerError(Reason.INTERRUPTED, "", self._step)

    def _leave(self, error: TrainerError) -> NoReturn:
        """Saves what is whole (every step is, up to its optimizer's) and raises the reason that is ours."""
        if error.reason is Reason.NON_FINITE_LOSS:
            raise error
        saved = self._save() if self._peers.leads else "by rank 0"
        where = f"step {self._step} of {self._stage.steps} ({self._stage.name})"
        kept = f"checkpoint {saved}" if saved else "no new checkpoint, the store did not take it"
        if self._session.interruption.requested:
            message = f"Stopped by SIGTERM at {where}; {kept}."
            raise TrainerError(Reason.INTERRUPTED, message, self._step) from error
        raise TrainerError(error.reason, f"{error.message} At {where}; {kept}.", self._step) from error

    def _save(self) -> str | None:
        buffer = io.BytesIO()
        state = {
            "step": self._step,
            "history": self._trained.history,
            "model": self._trained.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        torch.save(state, buffer)
        saved = self._checkpoints.save(self._step, buffer.getvalue())
        if saved is None:
            return None
        self._session.board.update(checkpoint=saved)
        self._log.info("checkpoint written", step=saved.step, uri=saved.uri, sha256=saved.sha256)
        return saved.uri

    def _resume(self) -> None:
        # Rank 0 alone reads, so that no two ranks can start from different steps.
        content = self._peers.broadcast(self._checkpoints.newest() if self._peers.leads else None)
        if content is None:
            return
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        self._trained.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self._step = self._trained.resumed_from = int(state["step"])
        self._trained.history = list(state["history"])
        self._log.info("training resumed", step=self._step, steps=self._stage.steps)


def material_of(dataset: Dataset, rows: Rows, device: torch.device) -> Material:
    """The data set on the device."""
    x, y = torch.from_numpy(dataset.x), torch.from_numpy(np.ascontiguousarray(dataset.y))
    return Material(dataset, rows, x.to(device), y.to(device))


def _identity(config: Config) -> Identity:
    return Identity(config.run_uri, config.run.attempt, config.fingerprint, config.checkpoint_keep)


def _optimizer(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    rate = config.optimization.learning_rate
    if config.optimization.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=rate)
    return torch.optim.SGD(model.parameters(), lr=rate)
