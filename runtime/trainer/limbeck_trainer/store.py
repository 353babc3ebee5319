"""Objects by URI: s3:// through boto3, file:// through the file system. Everything that waits for a store waits here.

A missing object is an ordinary answer (ObjectMissing), which the caller gives its meaning. A store that does not answer
is tried again with a growing pause, and then is StoreUnavailable.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from typing import TypeVar
from urllib.parse import urlsplit

from limbeck_trainer.backends.contract import Backend, Unreachable
from limbeck_trainer.backends.file_system import Folder
from limbeck_trainer.backends.s3 import S3
from limbeck_trainer.errors import Reason, TrainerError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long an operation is tried, and the first pause between two tries; each pause is twice the one before."""

    seconds: float
    first_pause: float = 0.25


PATIENT = Patience(seconds=40)
# For what can as well be left undone.
HURRIED = Patience(seconds=8)
# For whoever tries again by himself.
ONCE = Patience(seconds=0)


class Store:
    """The backends behind one face, with patience."""

    def __init__(
        self,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._backends: dict[str, Backend] = {}

    def get(self, uri: str) -> bytes:
        """The object's bytes, or ObjectMissing."""
        return self._try(uri, self._patience, lambda backend: backend.get(uri))

    def fetch(self, uri: str, file: FileIO) -> str:
        """Makes the object's bytes the file's only ones, however many there are; their SHA-256, or ObjectMissing."""
        return self._try(uri, self._patience, lambda backend: backend.fetch(uri, file))

    def put(self, uri: str, data: bytes, patience: Patience | None = None) -> None:
        """Creates or replaces the object, whole or not at all."""
        self._try(uri, patience or self._patience, lambda backend: backend.put(uri, data))

    def list(self, prefix: str) -> tuple[str, ...]:
        """The URIs of all objects below the folder `prefix`, sorted."""
        return self._try(prefix, self._patience, lambda backend: backend.list(prefix))

    def delete(self, uri: str) -> None:
        """Removes the object; none there is fine."""
        self._try(uri, HURRIED, lambda backend: backend.delete(uri))

    def sweep(self, prefix: str) -> None:
        """Removes what writes below the folder `prefix` have left that never ended; nobody writes there meanwhile.

        As far as the store lets it: whoever may not do this has somebody who does.
        """
        with contextlib.suppress(Exception):
            self._try(prefix, ONCE, lambda backend: backend.sweep(prefix))

    def _try(self, uri: str, patience: Patience, operation: Callable[[Backend], Answer]) -> Answer:
        began, pause = self._clock(), patience.first_pause
        while True:
            try:
                return operation(self._backend(uri))
            except Unreachable as error:
                waited = self._clock() - began
                if not error.again or waited + pause > patience.seconds:
                    what = "refused" if not error.again else "failed" if waited < 1 else f"failed for {waited:.0f} s"
                    raise TrainerError(Reason.STORE_UNAVAILABLE, f"The store at {uri} {what}: {error}") from error
            self._sleep(pause)
            pause *= 2

    def _backend(self, uri: str) -> Backend:
        scheme = urlsplit(uri).scheme
        if scheme not in self._backends:
            self._backends[scheme] = S3() if scheme == "s3" else Folder()
        return self._backends[scheme]
