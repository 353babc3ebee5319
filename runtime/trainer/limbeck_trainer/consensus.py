"""Whether to stop, and whether to save, where all ranks of a group have to do it after the same step.

Each of them is told by itself: a signal reaches one earlier than another, and one of them alone.
"""

from __future__ import annotations

from limbeck_trainer.distributed import Peers


class Consensus:
    """The ranks' common answer. Where each may go by its own, nobody is asked."""

    def __init__(self, peers: Peers, whole: bool) -> None:
        self._peers = peers
        # State in parts can only be had from all together.
        self._needed = peers.world_size > 1 and not whole

    def between_steps(self, stop: bool, save: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to save now, between two steps. Collective."""
        if not self._needed:
            return stop, save
        stop, save = self._peers.any_of(stop, save)
        return stop, save

    def amid(self, stop: bool) -> bool:
        """Whether to stop in the middle of what all ranks do in equally many parts, between two of them. Collective."""
        return self._peers.any_of(stop)[0] if self._needed else stop
