"""The pod's scratch volume: what one of its processes has fetched there, all of them use.

Who comes first makes it while the others wait for his lock. The kernel takes the lock from whoever dies, however that
happens, so nobody waits for the dead: the next one finds nothing whole and makes it himself. What is whole has its
name; until then it has another. Why a thing cannot be had is written down beside it, so that all say the same, and
nobody tries again what has just been tried with patience.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.json_text import json_text

CHUNK_BYTES = 1 << 20


class Scratch:
    """A folder of the volume: the one that all processes of the pod share or, alone, a fresh one."""

    def __init__(self, shared: Path | None = None) -> None:
        self.common = shared is not None
        self._folder = shared

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """A folder with what `make` puts into it, made by one process of the pod; its TrainerError is everybody's."""
        folder = self._made()
        whole, failure = folder / name, folder / f"{name}.failure"
        with _locked(folder / f"{name}.lock"):
            if failure.exists():
                raise _told(failure)
            if not whole.exists():
                _make(make, folder / f"{name}.part", failure).rename(whole)
        return whole

    def _made(self) -> Path:
        # It ends with its pod, so nobody tidies up.
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="limbeck-"))
        return self._folder


def pour(chunks: Iterable[bytes], file: FileIO, what: str) -> str:
    """Makes these bytes the file's only ones; their SHA-256. Crashed says that there is no room for `what`."""
    digest = hashlib.sha256()
    file.seek(0)
    file.truncate()
    for chunk in chunks:
        digest.update(chunk)
        rest = memoryview(chunk)
        with room_for(what):
            while rest:
                rest = rest[file.write(rest) :]
    file.seek(0)
    return digest.hexdigest()


def is_full(error: OSError) -> bool:
    """Whether a disk, or what somebody may use of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def room_for(what: str) -> Iterator[None]:
    """Turns a full disk into a sentence; every other error passes as it is."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        message = f"The scratch volume has no room for {what} ({error.strerror}). Free the disk of the pod's node."
        raise TrainerError(Reason.CRASHED, message) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(make: Callable[[Path], None], part: Path, failure: Path) -> Path:
    # Of somebody who died over it.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        make(part)
    except TrainerError as error:
        # First, for on a full disk there would be no room for the words either.
        shutil.rmtree(part, ignore_errors=True)
        _tell(failure, error)
        raise
    return part


def _tell(failure: Path, error: TrainerError) -> None:
    words = failure.with_suffix(".words")
    # Without room for them the others try for themselves.
    with contextlib.suppress(OSError):
        words.write_text(json_text([error.reason, error.message]), encoding="utf-8")
        words.rename(failure)


def _told(failure: Path) -> TrainerError:
    reason, message = json.loads(failure.read_text(encoding="utf-8"))
    return TrainerError(Reason(reason), message)
