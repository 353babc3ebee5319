"""The one training loop. Distillation is another criterion, a control student other rows; the loop is the same.

It refuses to go on with a loss that is not finite, and it never leaves without saying at which step.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any, NoReturn, cast

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.batches import Batches
from limbeck_trainer.checkpoint import Checkpoints, Due, Identity, Snap
from limbeck_trainer.checkpoint_writer import CheckpointWriter
from limbeck_trainer.config import Config
from limbeck_trainer.consensus import Consensus
from limbeck_trainer.data import Dataset, Rows
from limbeck_trainer.distributed import Peers
from limbeck_trainer.engine import Engine
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.json_text import json_bytes
from limbeck_trainer.loss_record import non_finite
from limbeck_trainer.parallel import is_finite, spread, spread_weights
from limbeck_trainer.plan import learning_rate_at
from limbeck_trainer.preprocess import assemble
from limbeck_trainer.pretrained.unreached import trainable
from limbeck_trainer.progress import SavedCheckpoint
from limbeck_trainer.rounds import Rounds
from limbeck_trainer.scaling import Pace, efficiency
from limbeck_trainer.session import Material, Session, Stage, Trained
from limbeck_trainer.snapshot import Snapshot, decode, encode, load_weights
from limbeck_trainer.stream import StreamTensor
from limbeck_trainer.successor import Successor

# News of a step are for people and for whoever looks for a hang: nobody looks more often.
REPORT_SECONDS = 0.1
# Whoever leaves waits for the store only so long: it has to be over within GRACE_SECONDS of job.py.
SETTLE_SECONDS = 15


class Training:
    """One stage on one rank, from its checkpoint or from scratch to its last step."""

    def __init__(self, session: Session, peers: Peers, material: Material, stage: Stage) -> None:
        self._session = session
        self._peers = peers
        self._material = material
        self._stage = stage
        self._log = session.log.child(stage=stage.name)
        identity = _identity(session.config, material.dataset)
        self._checkpoints = Checkpoints(session.store, identity, stage.name, self._log)
        self._writer = CheckpointWriter(self._checkpoints, session.board, self._log, stage.steps_before)
        self._batches = Batches(stage.plan, material.x.device)
        # Held while a step, or the end of a round, changes what a checkpoint keeps, and by whoever leaves for good.
        self._changing = threading.RLock()
        self._rounds = Rounds(session, peers, material, stage, self._changing)
        self._step = 0
        # Steps and closed rounds that this attempt has found done.
        self._found = (0, 0)
        self._pace = Pace(peers.device)
        self._longest_step = 0.0  # Of this training, in seconds.
        torch.manual_seed(session.config.optimization.seed)
        self._trained = Trained(trainable(self._fresh_model(), material, self._log))
        self._engine = self._resumed()
        self._consensus = Consensus(peers, self._engine.parallel.whole)

    def run(self) -> Trained:
        """Trains to the last step, or until validation no longer gets better; TrainerError says why not."""
        try:
            with self._peers.guard():
                with self._session.interruption.rescued(self._rescue, SETTLE_SECONDS):
                    self._train()
                if self._done != self._found:
                    self._save()
        except TrainerError as error:
            self._leave(error)
        self._settle()
        return self._finished()

    def _train(self) -> None:
        due = Due(self._session.config.checkpoint_seconds, time.monotonic, time.monotonic())
        # Another attempt may have ended between the last step of a round and the end of its validation.
        self._rounds.close(self._step, self._engine, self._heed)
        began, first, reported = time.monotonic(), self._step, 0.0
        while self._step < self._stage.steps and not self._rounds.impatient:
            stop, save = self._asked(due)
            if stop:
                raise self._stopped()
            if save:
                self._save()
                due = due.again()
            self._learn()
            now = time.monotonic()
            if now - reported >= REPORT_SECONDS:
                self._report((now - began) / (self._step - first))
                reported = now
            self._rounds.close(self._step, self._engine, self._heed)
        self._report_scaling()

    def _learn(self) -> None:
        """One step, and how long it took with all that had to be waited for."""
        rate = learning_rate_at(self._step, self._stage.steps, self._session.config.optimization)
        started = time.monotonic()
        loss = self._engine.gradients(self._material.x, self._batches.at(self._step))
        with self._changing:
            self._engine.move(rate)
            self._step += 1
            self._rounds.losses.add(self._step, loss)
            if self._rounds.is_over(self._step):
                # What the device has still to do is this step's, and none of the validation's.
                self._rounds.losses.look(self._step)
        seconds = time.monotonic() - started
        self._pace.add(seconds)
        self._longest_step = max(self._longest_step, seconds)
        # Before, steps may only be on their way to the device: by their length nobody could tell a hang.
        if self._rounds.losses.seen:
            self._session.board.stepped(self._longest_step)

    def _asked(self, due: Due) -> tuple[bool, bool]:
        """Whether to stop, and whether to save."""
        stop, save = self._session.interruption.requested, self._peers.leads and due.passed() and self._writer.idle
        return self._consensus.between_steps(self._step, stop, save)

    def _heed(self) -> None:
        """Between two parts of a validation, which the next attempt then does from its beginning."""
        if self._consensus.amid(self._session.interruption.requested):
            raise self._stopped()

    def _stopped(self) -> TrainerError:
        return TrainerError(Reason.INTERRUPTED, "Another worker was stopped by SIGTERM.", self._step)

    def _rescue(self) -> TrainerError | None:
        """What the main thread would do if a step, or a part of a validation, did not keep it from that for so long."""
        if not (self._engine.parallel.whole and self._peers.leads):
            return None
        try:
            self._leave(self._stopped())
        except TrainerError as error:
            return error

    def _report(self, seconds_per_step: float) -> None:
        session, done = self._session, self._steps_of_run
        session.board.update(
            step=done,
            epoch=-(-done // self._stage.round_steps),
            loss=self._rounds.losses.last,
            samples_per_second=self._stage.plan.samples_per_step / max(seconds_per_step, 1e-9),
            eta_seconds=round((session.board.progress.steps - done) * seconds_per_step),
        )
        self._report_scaling()

    def _report_scaling(self) -> None:
        board, known = self._session.board, self._session.board.progress.distribution
        measured = efficiency(self._stage.alone_seconds, self._pace.seconds_per_step, self._peers.world_size)
        if known is not None and measured is not None:
            board.update(distribution=replace(known, efficiency=measured))

    def _leave(self, error: TrainerError) -> NoReturn:
        """Saves what is whole (every step is, up to its optimizer's) and raises the reason that is ours."""
        # Nobody gives it back: what is saved is the end, also where the main thread could go on by now.
        self._changing.acquire()
        if error.reason is Reason.NON_FINITE_LOSS:
            self._settle()
            error.step = self._stage.steps_before + (self._step if error.step is None else error.step)
            error.checkpoint = self._resumable()
            raise error
        where = f"step {self._step} of {self._stage.steps} ({self._stage.name})"
        try:
            with self._peers.guard():
                kept = self._kept(error)
        except TrainerError as worse:
            # What was to be saved is no number, or those are gone who had to take part: then nothing is saved.
            self._leave(worse)
        reason, message = error.reason, f"{error.message} At {where}; {kept}."
        if self._session.interruption.requested:
            reason, message = Reason.INTERRUPTED, f"Stopped by SIGTERM at {where}; {kept}."
        raise TrainerError(reason, message, self._steps_of_run, self._resumable()) from error

    def _resumable(self) -> SavedCheckpoint | None:
        """What the next attempt goes on from; nobody knows while another one is on its way."""
        return self._session.board.progress.checkpoint if self._writer.idle else None

    def _kept(self, error: TrainerError) -> str:
        """Saves, if that can be done without those who are gone, and says where."""
        divided = not self._engine.parallel.whole and error.reason is not Reason.INTERRUPTED
        if not divided:
            self._save()
        saved = self._settle()
        if divided:
            return "no new checkpoint, for the model was divided among the workers"
        if not self._peers.leads:
            return "checkpoint by rank 0"
        written = saved is not None and saved.step == self._steps_of_run
        return f"checkpoint {saved.uri}" if saved and written else "no new checkpoint, the store did not take it"

    def _save(self) -> None:
        """Sends a checkpoint of this step on its way. Where state is in parts, all ranks have to."""
        parallel = self._engine.parallel
        if parallel.whole and not self._peers.leads:
            return
        rounds = self._rounds
        rounds.losses.look(self._step)
        with self._session.board.during("checkpointing"):
            state = self._engine.state()
            if not self._peers.leads:
                return
            if not is_finite(state["model"]):
                raise non_finite("The weights are not finite", self._step, self._stage.steps, self._stage.name)
            kept = (rounds.patience, rounds.best, rounds.losses.noted)
            snapshot = Snapshot(self._step, rounds.history, state, *kept)
            self._writer.put(Snap(self._step, encode(snapshot), json_bytes(snapshot.history)))

    @property
    def _steps_of_run(self) -> int:
        """As others hear of them: over all trainings of the run."""
        return self._stage.steps_before + self._step

    @property
    def _done(self) -> tuple[int, int]:
        return self._step, len(self._rounds.history)

    def _settle(self) -> SavedCheckpoint | None:
        """The newest checkpoint in the store, once what is on its way has arrived or has had its time."""
        with self._session.board.during("checkpointing"):
            return self._writer.settle(SETTLE_SECONDS)

    def _resumed(self) -> Engine:
        """The engine with the state of the newest checkpoint, where there is one."""
        # Rank 0 alone reads, so that no two ranks can start from different steps.
        content = self._peers.broadcast(self._newest() if self._peers.leads else None)
        snapshot = None if content is None else decode(content)
        if snapshot is not None:
            load_weights(self._trained.model, snapshot)
        stage, config = self._stage, self._session.config
        with self._peers.guard():
            parallel = spread(stage.strategy, self._trained.model, self._peers)
            engine = Engine(config.optimization, parallel, stage.criterion, self._peers)
            if snapshot is None:
                return engine
            engine.resume(snapshot.engine)
        self._step = snapshot.step
        self._rounds.resume(snapshot)
        self._found = self._done
        self._session.board.update(resumed_from=self._steps_of_run)
        self._log.info("training resumed", step=self._step, steps=stage.steps)
        return engine

    def _newest(self) -> bytes | None:
        found = self._checkpoints.newest(Successor(self._trained.model, self._session.config.optimization).problem_of)
        if found.saved is not None:
            self._session.board.update(checkpoint=found.saved.after(self._stage.steps_before))
        if found.skipped:
            self._session.board.update(skipped_checkpoint=found.skipped)
        return found.content

    def _finished(self) -> Trained:
        """The trained model, whole on every rank; after early stopping that of the best epoch."""
        trained, parallel = self._trained, self._engine.parallel
        trained.steps, trained.history = self._step, self._rounds.history
        chosen = self._rounds.patience.best_step > 0
        if parallel.whole and not chosen:
            return trained
        weights = self._rounds.best if chosen else parallel.weights()
        trained.model = self._fresh_model()
        spread_weights(trained.model, weights, self._peers)
        return trained

    def _fresh_model(self) -> nn.Module:
        material = self._material
        return assemble(self._session.config.model, material.dataset, material.rows.train).to(self._peers.device)


def material_of(dataset: Dataset, rows: Rows, device: torch.device) -> Material:
    """The data set on the device, but for what is read again and again."""
    return Material(dataset, rows, _on(device, dataset.x), _on(device, dataset.y))


def _on(device: torch.device, values: Any) -> Tensor:
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)
    # Rows are taken from it, as from a tensor; nothing else is ever done with it.
    return cast(Tensor, StreamTensor(values, device))


def _identity(config: Config, dataset: Dataset) -> Identity:
    return Identity(config.run_uri, config.run.attempt, config.fingerprint, config.checkpoint_keep, dataset.sha256)
