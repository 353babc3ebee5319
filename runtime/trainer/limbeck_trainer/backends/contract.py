"""What a kind of store can do, tried once, and how it says no."""

from __future__ import annotations

from io import FileIO
from typing import Protocol

# What to do about a store without room.
FULL = "Make room in it: of what is below runs/, jobs that have ended need nothing."


class ObjectMissing(Exception):  # noqa: N818 - an answer, not an error
    """There is no object at this URI."""


class Unreachable(Exception):  # noqa: N818 - named after what happened
    """The store gave no answer; `again` says whether trying again can help."""

    def __init__(self, message: str, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Backend(Protocol):
    """One kind of store, tried once; raises ObjectMissing or Unreachable."""

    def get(self, uri: str) -> bytes:
        """The object's bytes."""

    def fetch(self, uri: str, file: FileIO) -> str:
        """Makes the object's bytes the file's only ones; their SHA-256."""

    def put(self, uri: str, data: bytes) -> None:
        """Creates or replaces the object, whole or not at all."""

    def list(self, prefix: str) -> tuple[str, ...]:
        """The URIs of all objects below the folder `prefix`, sorted."""

    def delete(self, uri: str) -> None:
        """Removes the object; none there is fine."""

    def sweep(self, prefix: str) -> None:
        """Removes what writes below the folder `prefix` have left that never ended; nobody writes there meanwhile."""
