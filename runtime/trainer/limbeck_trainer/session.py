"""What the parts of a run hand each other. Types alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from limbeck_trainer.config import Config
from limbeck_trainer.data import Dataset, Rows
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.log import Log
from limbeck_trainer.losses import Criterion
from limbeck_trainer.plan import Plan
from limbeck_trainer.progress import Board
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store


@dataclass(frozen=True)
class Session:
    """What every part of a run shares."""

    config: Config
    store: Store
    board: Board
    interruption: Interruption
    log: Log
    scratch: Scratch = field(default_factory=Scratch)


@dataclass(frozen=True)
class Material:
    """The samples on this rank's device: x float32 [n, ...], y [n]; `rows` says what each is for.

    What is not in memory, x of a stream and of texts and y of a corpus, is no tensor: rows can be taken from it, by
    index, and nothing else.
    """

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
    # alone, ddp or fsdp.
    strategy: str
    steps: int
    # A round ends with validation, a log line and a point of the history: an epoch of the main training.
    round_steps: int
    # Steps of the run before this stage, for the progress of the whole.
    steps_before: int = 0
    # What a step takes one process alone; None: not measured.
    alone_seconds: float | None = None


@dataclass
class Trained:
    """A stage's end: the model, its steps, and one point per round."""

    model: nn.Module
    steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
