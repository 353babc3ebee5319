"""Whether to stop, and whether to save, where all ranks of a group have to do it after the same step.

Each of them is told by itself: a signal reaches one earlier than another, and one of them alone. On a device a rank
runs ahead of what it computes, so that ranks may be many steps apart: who saved a step that another never began would
wait for it in an exchange, for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from limbeck_trainer.distributed import Peers
from limbeck_trainer.loss_record import STEPS_PER_LOOK

# Asking waits for the device, so it is done as seldom as losses are looked at; but no more seldom than this, since from
# SIGTERM to the end there are 22 s, of which 15 are the store's.
LONGEST_PAUSE_SECONDS = 3.0


class Consensus:
    """The ranks' common answer. Where each may go by its own, nobody is asked."""

    def __init__(self, peers: Peers, whole: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._peers = peers
        self._clock = clock
        self._most_steps = STEPS_PER_LOOK[peers.device.type]
        # State in parts can only be had from all together; on a CPU nobody runs ahead.
        self._needed = peers.world_size > 1 and (not whole or self._most_steps > 1)
        self._next_step = 0
        self._last: tuple[int, float] | None = None
        self._is_slow = True

    def between_steps(self, step: int, stop: bool, save: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to save now, after so many steps. Collective, where anybody is asked: which steps
        that are is the same on every rank.
        """
        if not self._needed:
            return stop, save
        if step < self._next_step:
            return False, False
        stop, save, is_slow = self._peers.any_of(stop, save, self._is_slow)
        self._next_step = step + (1 if is_slow else self._most_steps)
        self._note(step)
        return stop, save

    def amid(self, stop: bool) -> bool:
        """Whether to stop in the middle of what all ranks do in equally many parts, between two of them. Collective."""
        return self._peers.any_of(stop)[0] if self._needed else stop

    def _note(self, step: int) -> None:
        """Of the steps since the last time, which the device has done by now."""
        now = self._clock()
        if self._last is not None:
            first, since = self._last
            self._is_slow = (now - since) / (step - first) * self._most_steps > LONGEST_PAUSE_SECONDS
        self._last = step, now
