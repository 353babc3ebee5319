"""How far the run is (trainer-progress.schema.json), on every rank.

Rank 0's answer is what a person sees. Every rank's is its heartbeat: a process that is frozen does not answer, and one
that hangs answers with the same step. What legitimately takes long between two steps says so by its phase.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

# What the status has room for.
LONGEST_SENTENCE = 512


@dataclass(frozen=True)
class SavedCheckpoint:
    """The newest checkpoint in the store. On the board `step` counts over all trainings of the run."""

    step: int
    uri: str
    sha256: str
    # RFC 3339, UTC; None of one that an older trainer wrote.
    saved_at: str | None = None

    def after(self, steps: int) -> SavedCheckpoint:
        """The same one, of a training that came after so many steps of the run."""
        return replace(self, step=steps + self.step)

    def document(self) -> dict[str, object]:
        """The contract's JSON."""
        saved_at = {} if self.saved_at is None else {"savedAt": self.saved_at}
        return {"step": self.step, "uri": self.uri, "sha256": self.sha256, **saved_at}


@dataclass(frozen=True)
class Distribution:
    """How the model is spread over how many processes, why, on which kind of device rank 0 computes, and what it gains.

    1 is perfect, None not measured.
    """

    strategy: str
    reason: str
    processes: int
    # cpu or cuda, as PyTorch calls it.
    device: str
    efficiency: float | None = None

    def document(self) -> dict[str, object]:
        """The contract's JSON."""
        measured = {} if self.efficiency is None else {"scalingEfficiency": round(self.efficiency, 3)}
        spread = {"strategy": self.strategy, "reason": self.reason, "processes": self.processes}
        return {**spread, "device": self.device, **measured}


# What the status has room for of the last validation.
VALIDATION = ("validationLoss", "validationAccuracy", "validationRmse", "validationPerplexity")


@dataclass(frozen=True)
class Progress:
    """How far the run is; steps and epochs are counted over all trainings of the run."""

    phase: str = "starting"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    samples_per_second: float | None = None
    eta_seconds: int | None = None
    # The longest step so far: what a hang is told from.
    step_seconds: float | None = None
    resumed_from: int | None = None
    checkpoint: SavedCheckpoint | None = None
    # Why the store does not have the newest one yet, and why newer ones than that which was resumed from were skipped.
    checkpoint_problem: str | None = None
    skipped_checkpoint: str | None = None
    distribution: Distribution | None = None
    # The last point of the history, and where all of it lies.
    validation: Mapping[str, float] = field(default_factory=dict)
    history: str | None = None

    def document(self) -> dict[str, object]:
        """The contract's JSON; 100 percent is for the result to say."""
        optional: dict[str, object | None] = {
            "loss": self.loss,
            "samplesPerSecond": None if self.samples_per_second is None else round(self.samples_per_second, 1),
            "etaSeconds": self.eta_seconds,
            "longestStepSeconds": None if self.step_seconds is None else round(self.step_seconds, 3),
            "resumedFromStep": self.resumed_from,
            "checkpoint": None if self.checkpoint is None else self.checkpoint.document(),
            "checkpointProblem": _clipped(self.checkpoint_problem),
            "skippedCheckpoint": _clipped(self.skipped_checkpoint),
            "distribution": None if self.distribution is None else self.distribution.document(),
            "history": self.history,
            **{name: self.validation.get(name) for name in VALIDATION},
        }
        return {
            "phase": self.phase,
            "percent": min(99, 100 * self.step // max(1, self.steps)),
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps,
            **{key: value for key, value in optional.items() if _is_told(value)},
        }


def _is_told(value: object | None) -> bool:
    """JSON has no word for what is no finite number, and whoever reads a wrong one knows nothing of all the rest."""
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def _clipped(sentence: str | None) -> str | None:
    return None if sentence is None else sentence[:LONGEST_SENTENCE]


class Board:
    """The current progress, written by the training and read by the server."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._lock = threading.Lock()

    @property
    def progress(self) -> Progress:
        """The progress as of now."""
        return self._progress

    def update(self, **changes: Any) -> None:
        """Changes the named fields, all at once."""
        with self._lock:
            self._progress = replace(self._progress, **changes)

    def stepped(self, seconds: float) -> None:
        """Notes how long a step took. Not every step is reported, and the longest has to be known all the same."""
        with self._lock:
            longest = self._progress.step_seconds
            if longest is None or seconds > longest:
                self._progress = replace(self._progress, step_seconds=seconds)

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Another phase for as long as the block takes: no step is to be expected meanwhile."""
        before = self._progress.phase
        self.update(phase=phase)
        try:
            yield
        finally:
            self.update(phase=before)
