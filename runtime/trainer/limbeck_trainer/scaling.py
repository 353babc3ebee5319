"""How much faster a group trains than one process of it would alone: measured on this very model, data and machine.

Before the group trains, rank 0 does a few steps alone with whole global batches, on a copy of the model, while the
others wait; afterwards the group's own steps are timed. Efficiency is the time of the one over `processes` times that
of the other: 1 is perfect, and below 1 / processes the group is slower than one process would be.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

import torch

from limbeck_trainer.batches import Batches
from limbeck_trainer.distributed import Peers
from limbeck_trainer.engine import Engine
from limbeck_trainer.loss_record import STEPS_PER_LOOK
from limbeck_trainer.parallel import Whole
from limbeck_trainer.preprocess import assemble
from limbeck_trainer.session import Material, Session, Stage
from limbeck_trainer.strategy import Choice

# What the calibration may take: about a second, and a whole step of ten at most.
BUDGET_SECONDS = 1.0
LONGEST_STEP_SECONDS = 10.0
LEAST_STEPS, MOST_STEPS = 3, 50
# A whole batch that takes no longer is worked through at once, as one process would: every pass has a fixed cost, which
# is much of so short a step. It cannot fill a memory, which takes longer to be written once.
SHORT_STEP_SECONDS = 0.02
# The first parts of a pace are those in which memory and connections are made.
WARM_UP_PARTS = 2
LEAST_PARTS, MOST_PARTS = 5, 101


class Pace:
    """Seconds of a step as the median over the last ones; a step counts with those that share a look at the device."""

    def __init__(self, device: torch.device) -> None:
        self._steps_per_part = STEPS_PER_LOOK[device.type]
        self._open: list[float] = []
        self._parts: deque[float] = deque(maxlen=MOST_PARTS)
        self._to_skip = WARM_UP_PARTS

    def add(self, seconds: float) -> None:
        """Notes a step."""
        self._open.append(seconds)
        if len(self._open) < self._steps_per_part:
            return
        if self._to_skip > 0:
            self._to_skip -= 1
        else:
            self._parts.append(statistics.fmean(self._open))
        self._open = []

    @property
    def seconds_per_step(self) -> float | None:
        """None until enough was seen."""
        return statistics.median(self._parts) if len(self._parts) >= LEAST_PARTS else None


def efficiency(alone: float | None, together: float | None, processes: int) -> float | None:
    """The group's throughput as a share of `processes` times that of one; seconds of a step in, None if not known."""
    if alone is None or together is None or processes < 2:
        return None
    return alone / (processes * max(together, 1e-9))


def unmeasured(choice: Choice, stage: Stage, material: Material, peers: Peers) -> str | None:
    """Why a training is not compared with one process; None if it is."""
    least = (WARM_UP_PARTS + LEAST_PARTS) * STEPS_PER_LOOK[peers.device.type]
    stream = material.dataset.stream
    if not choice.fits_one:
        return "one process may not hold the model"
    if stream is not None and stream.shards is not None:
        # What reading costs comes with some steps alone, and with others alone than in the group.
        return "one process would read other files of the stream than the group"
    return f"that takes {least} steps, and there are {stage.steps}" if stage.steps < least else None


def time_alone(session: Session, peers: Peers, material: Material, stage: Stage) -> float | None:
    """Seconds of a step of one process with the whole global batch, on rank 0; None on the others, which wait.

    It holds no more samples at once than in the group: memory need not have room for more.
    """
    if not peers.leads:
        return None
    processes, peers = peers.world_size, peers.alone()
    model = assemble(session.config.model, material.dataset, material.rows.train).to(peers.device)
    engine = Engine(session.config.optimization, Whole(model, peers), stage.criterion, peers)
    batches = Batches(stage.plan, material.x.device)
    rate = session.config.optimization.learning_rate
    seconds = _median_step(
        lambda step, share, parts: _step(engine, material, batches.at(step)[::share], rate, parts), processes
    )
    session.log.info("one process timed", secondsPerStep=round(seconds, 6))
    return seconds


def _median_step(
    run: Callable[[int, int, int], float], processes: int, clock: Callable[[], float] = time.monotonic
) -> float:
    """`run(step, share, parts)` does a step with every share-th sample of its batch, in parts; it gives its seconds."""
    began = clock()
    part = run(0, processes, 1)
    if part <= LONGEST_STEP_SECONDS:
        # Of what was short, the first time is that of making memory and connections.
        part = run(1, processes, 1)
    if part * processes > LONGEST_STEP_SECONDS:
        # Of steps as long as this the arithmetic is all that counts, and that grows with the batch.
        return part * processes
    parts = 1 if part * processes <= SHORT_STEP_SECONDS else processes
    seconds: list[float] = []
    while len(seconds) < LEAST_STEPS or (len(seconds) < MOST_STEPS and clock() - began < BUDGET_SECONDS):
        seconds.append(run(len(seconds), 1, parts))
    return statistics.median(seconds)


def _step(engine: Engine, material: Material, rows: torch.Tensor, rate: float, parts: int) -> float:
    began = time.perf_counter()
    # Its number makes the processor wait for the device, as a look at the losses does.
    float(engine.step(material.x, rows, rate, parts))
    return time.perf_counter() - began
