"""The rounds of a training: each ends with validation, a point of the history and, where it is wanted, the judgement of
early stopping.

A round is closed whole or not at all. Whatever interrupts its validation, as the loss of a worker, leaves it open with
all that was noted of it, and the next attempt closes it before it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn

from limbeck_trainer.distributed import Peers
from limbeck_trainer.engine import Engine
from limbeck_trainer.loss_record import LossRecord, non_finite
from limbeck_trainer.parallel import Weights
from limbeck_trainer.patience import Patience
from limbeck_trainer.session import Material, Session, Stage
from limbeck_trainer.snapshot import Snapshot
from limbeck_trainer.validating import Point, validated, validation_loss, without_wrong


class Rounds:
    """What was noted of the rounds so far, the open one included."""

    def __init__(
        self,
        session: Session,
        peers: Peers,
        material: Material,
        stage: Stage,
        changing: AbstractContextManager[object],
    ) -> None:
        """`changing` is held while something changes of what a checkpoint keeps."""
        self.losses = LossRecord(stage.name, stage.steps, peers.device)
        self.history: list[Point] = []
        self.patience = Patience()
        # Of the epoch with the least validation loss; rank 0 alone keeps them.
        self.best: Weights | None = None
        self._session = session
        self._peers = peers
        self._material = material
        self._stage = stage
        self._stopping = session.config.optimization.early_stopping
        self._changing = changing
        self._log = session.log.child(stage=stage.name)

    def resume(self, snapshot: Snapshot) -> None:
        """Goes on from what another attempt has noted."""
        self.history, self.patience = snapshot.history, snapshot.patience
        self.best = snapshot.best if self._peers.leads else None
        # On every rank: rank 0's part stands for those of all.
        self.losses.resume(snapshot.losses)

    @property
    def impatient(self) -> bool:
        """Whether validation no longer gets better."""
        return self._stopping is not None and self.patience.exhausted(self._stopping)

    def is_over(self, step: int) -> bool:
        """Whether a round ends with this step."""
        return step % self._stage.round_steps == 0

    def close(self, step: int, engine: Engine, heed: Callable[[], None]) -> None:
        """Closes the round that is over with this step, unless that is done. Collective.

        `heed` is called before each part of the validation, equally often on every rank; what it raises leaves it open.
        """
        closed = self.history[-1]["step"] if self.history else 0
        if self.is_over(step) and step > closed:
            with self._session.board.during("validating"), _before_each(engine.parallel.evaluated, heed):
                self._close(step, engine)

    def _close(self, step: int, engine: Engine) -> None:
        point, patience, best = self._mean_loss(step), self.patience, self.best
        if len(self._material.rows.validation) > 0:
            point |= validated(self._session.config.task, engine, self._material, self._peers)
        if self._stopping is not None:
            # All ranks see the same loss, and so decide alike.
            loss = point["validationLoss"] = validation_loss(engine, self._material)
            patience = patience.after(loss, step, self._stopping)
            best = self._weights(engine) if patience.best_step == step else best
            if patience.exhausted(self._stopping) and patience.best_step == 0:
                raise non_finite("The validation loss was no number so far", step, self._stage.steps, self._stage.name)
        point, wrong = without_wrong(point)
        with self._changing:
            # Only now, when nothing can come between any more.
            self.losses.close()
            self.history.append(point)
            self.patience, self.best = patience, best
        self._session.board.update(validation=point)
        if self._peers.leads:
            self._tell(step, point, wrong)

    def _mean_loss(self, step: int) -> Point:
        totals = torch.tensor(self.losses.noted, dtype=torch.float64, device=self._peers.device)
        total, count = self._peers.sum(totals).tolist()
        # An older trainer kept none of a round whose validation was interrupted.
        return {"step": float(step), **({"loss": total / count} if count > 0 else {})}

    def _weights(self, engine: Engine) -> Weights | None:
        if engine.parallel.whole and not self._peers.leads:
            return None
        weights = engine.parallel.weights()
        return weights if self._peers.leads else None

    def _tell(self, step: int, point: Point, wrong: list[str]) -> None:
        shown = {key: round(value, 6) for key, value in point.items()}
        self._log.info("epoch trained", **{**shown, "step": step, "steps": self._stage.steps})
        if wrong:
            self._log.warn("validation is not finite", step=step, figures=wrong)
        if self.impatient:
            self._log.info("training stopped early", step=step, bestStep=self.patience.best_step)


@contextmanager
def _before_each(module: nn.Module, look: Callable[[], None]) -> Iterator[None]:
    """Calls `look` whenever the module is about to be run."""
    hook = module.register_forward_pre_hook(lambda *_given: look())
    try:
        yield
    finally:
        hook.remove()
