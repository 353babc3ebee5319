"""Checkpoints on their way to the store, beside the training: a slow store does not slow it, and one that is away, or
full, is tried again until it takes the checkpoint or a newer one has taken its place.

Nobody makes another checkpoint while one is on its way, so that a store that is away does not fill the memory; only who
is about to end puts a newer one in its place.
"""

from __future__ import annotations

import threading

from limbeck_trainer.checkpoint import Checkpoints, Snap
from limbeck_trainer.log import Log
from limbeck_trainer.progress import Board, SavedCheckpoint

# Between two tries; each pause is twice the one before.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0


class CheckpointWriter:
    """One checkpoint at a time, by a thread that ends when there is nothing left to write."""

    def __init__(self, checkpoints: Checkpoints, board: Board, log: Log, steps_before: int = 0) -> None:
        """The board has steps of the whole run, of which there were so many before this training."""
        self._checkpoints = checkpoints
        self._board = board
        self._log = log
        self._steps_before = steps_before
        self._changed = threading.Condition()
        self._waiting: Snap | None = None
        self._working = False
        self._saved: SavedCheckpoint | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        with self._changed:
            return self._is_idle()

    def put(self, snap: Snap) -> None:
        """Takes a checkpoint; what has not been written yet gives way to it."""
        with self._changed:
            self._waiting = snap
            self._changed.notify_all()
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, daemon=True).start()

    def settle(self, seconds: float) -> SavedCheckpoint | None:
        """Waits until nothing is on its way, though not for longer than this; the newest that was written."""
        with self._changed:
            self._changed.wait_for(self._is_idle, seconds)
            return self._saved

    def _is_idle(self) -> bool:
        return self._waiting is None and not self._working

    def _work(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while (snap := self._next()) is not None:
            if self._write(snap, pause):
                pause = FIRST_PAUSE_SECONDS
                continue
            with self._changed:
                # Whoever is about to end puts its last checkpoint here, and cannot wait for the end of a pause.
                if not self._changed.wait_for(lambda: self._waiting is not None, pause):
                    self._waiting = snap
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _next(self) -> Snap | None:
        with self._changed:
            snap, self._waiting = self._waiting, None
            if snap is None:
                self._working = False
                self._changed.notify_all()
            return snap

    def _write(self, snap: Snap, pause: float) -> bool:
        """One try; whether the store took it."""
        try:
            saved = self._checkpoints.save(snap)
        except Exception as error:
            # The training is worth more than its safety net: it goes on. Nor may what nobody has foreseen end this
            # thread, for no checkpoint would ever be written again.
            why = "There is too little memory for it." if isinstance(error, MemoryError) else str(error) or repr(error)
            self._log.warn("checkpoint not written", step=snap.step, error=why, nextTrySeconds=pause)
            problem = f"The checkpoint of step {self._steps_before + snap.step} is not written: {why}"
            self._board.update(checkpoint_problem=problem)
            return False
        told = saved.after(self._steps_before)
        self._board.update(checkpoint=told, checkpoint_problem=None, history=self._checkpoints.history_uri)
        self._log.info("checkpoint written", step=saved.step, uri=saved.uri, sha256=saved.sha256)
        with self._changed:
            self._saved = told
        return True
