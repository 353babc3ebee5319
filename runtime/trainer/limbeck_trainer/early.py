"""SIGTERM before the trainer can do anything about it: there is nothing to save, and the kubelet asks once.

It imports next to nothing, for until then a signal would end the process without a word.
"""

from __future__ import annotations

import os
import signal

# The words of whoever is stopped before anything is to be saved, now or later.
NOTHING_SAVED = "Stopped by SIGTERM before anything could be saved since the last checkpoint."
EXIT_CODE = 128 + signal.SIGTERM
RESULT = f'{{"contractVersion":"v1","outcome":"failed","reason":"Interrupted","message":"{NOTHING_SAVED}"}}'


def heed_sigterm() -> None:
    """Until somebody else takes the signal over, the process ends by it, and says so."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: _end())
    # Who starts this may hold the signal back, so that none is lost in the 60 ms that Python takes to come here: as
    # number 1 of a container it would never hear of it, and else end without a word.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _end() -> None:
    path = os.environ.get("LIMBECK_RESULT_FILE") or "/dev/termination-log"
    try:
        os.write(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), RESULT.encode())
    finally:
        # Where there is no room for the words it says the same.
        os._exit(EXIT_CODE)
