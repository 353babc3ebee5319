"""SIGTERM as a flag that the loop looks at, and as a way out when the loop cannot look.

Python runs signal handlers in the main thread between two bytecodes; a main thread that waits inside a collective or a
rendezvous never gets there. So the C-level handler wakes a thread through a pipe, and the thread watches the clock.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from limbeck_trainer.early import NOTHING_SAVED
from limbeck_trainer.errors import Reason, TrainerError

# What a rescue saves, and where: the end that belongs to it. None: it is nobody's to save anything.
Rescue = Callable[[], TrainerError | None]


class Interruption:
    """Whether the process was asked to stop, and how long the main thread then has."""

    def __init__(self, end: Callable[[TrainerError], object]) -> None:
        # Zero: there is nothing to save yet, so the end is at once.
        self.grace_seconds: float = 0
        self.end = end
        self._requested = threading.Event()
        self._rescue: Rescue | None = None
        self._rescue_seconds: float = 0

    @property
    def requested(self) -> bool:
        """Whether SIGTERM has come."""
        return self._requested.is_set()

    @contextmanager
    def rescued(self, rescue: Rescue, seconds: float) -> Iterator[None]:
        """While the block runs, `rescue` is called by another thread when only so many seconds are left."""
        self._rescue, self._rescue_seconds = rescue, seconds
        try:
            yield
        finally:
            self._rescue = None

    def install(self) -> None:
        """Takes over SIGTERM. Before, a process without a handler is killed by it or, as number 1 of its container,
        never hears of it.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        # The thread first: what the handler alone has heard, nobody who is stuck would look at.
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._requested.set())

    def _watch(self, reader: int) -> None:
        os.read(reader, 1)
        self._requested.set()
        asked, is_tried = time.monotonic(), False
        while (left := asked + self.grace_seconds - time.monotonic()) > 0:
            rescue = self._rescue
            if rescue is not None and not is_tried and left <= self._rescue_seconds:
                is_tried = True
                # In a thread of its own: it may get stuck, too.
                threading.Thread(target=self._save, args=(rescue,), daemon=True).start()
            time.sleep(0.1)
        self.end(TrainerError(Reason.INTERRUPTED, NOTHING_SAVED))

    def _save(self, rescue: Rescue) -> None:
        error = rescue()
        if error is not None:
            self.end(error)
