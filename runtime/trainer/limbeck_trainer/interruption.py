"""SIGTERM as a flag that the loop looks at, and as a way out when the loop cannot look.

Python runs signal handlers in the main thread between two bytecodes; a main thread that waits inside a collective or a
rendezvous never gets there. So the C-level handler wakes a thread through a pipe, and the thread watches the clock.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable


class Interruption:
    """Whether the process was asked to stop, and how long the main thread then has."""

    def __init__(self, overdue: Callable[[], None]) -> None:
        # Zero: there is nothing to save yet, so the end is at once.
        self.grace_seconds: float = 0
        self._overdue = overdue
        self._requested = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether SIGTERM has come."""
        return self._requested.is_set()

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
        asked = time.monotonic()
        while time.monotonic() - asked < self.grace_seconds:
            time.sleep(0.1)
        self._overdue()
