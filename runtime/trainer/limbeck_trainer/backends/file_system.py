"""file:// URIs: a laptop, a volume."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from limbeck_trainer.backends.contract import FULL, ObjectMissing, Unreachable
from limbeck_trainer.scratch import CHUNK_BYTES, is_full, pour

Answer = TypeVar("Answer")
# What `_replace` calls a file until it is whole.
TEMPORARY = re.compile(r"\..+\.\d+")


class Folder:
    """file:// URIs; a write is a temporary file, fsync, rename."""

    def get(self, uri: str) -> bytes:
        """The file's bytes."""
        return self._attempt(uri, lambda path: path.read_bytes())

    def fetch(self, uri: str, file: FileIO) -> str:
        """A copy, piece by piece."""

        def copy(path: Path) -> str:
            with path.open("rb") as source:
                return pour(iter(partial(source.read, CHUNK_BYTES), b""), file, uri)

        return self._attempt(uri, copy)

    def put(self, uri: str, data: bytes) -> None:
        """Replaces the file atomically."""
        try:
            self._attempt(uri, lambda path: _replace(path, data))
        except ObjectMissing as error:
            raise Unreachable("somebody removed what was being written.", again=True) from error

    def list(self, prefix: str) -> tuple[str, ...]:
        """Every file below the folder."""
        root = _path(prefix)
        files = (file for file in root.rglob("*") if file.is_file() and not file.name.startswith("."))
        return tuple(sorted(f"{prefix.rstrip('/')}/{file.relative_to(root).as_posix()}" for file in files))

    def delete(self, uri: str) -> None:
        """Unlinks the file."""
        self._attempt(uri, lambda path: path.unlink(missing_ok=True))

    def sweep(self, prefix: str) -> None:
        """Unlinks the temporary files of processes that were killed."""

        def unlink(root: Path) -> None:
            for file in root.rglob(".*"):
                if TEMPORARY.fullmatch(file.name) and file.is_file():
                    file.unlink(missing_ok=True)

        self._attempt(prefix, unlink)

    def _attempt(self, uri: str, operation: Callable[[Path], Answer]) -> Answer:
        try:
            return operation(_path(uri))
        except FileNotFoundError as error:
            raise ObjectMissing(uri) from error
        except OSError as error:
            remedy = f" {FULL}" if is_full(error) else ""
            raise Unreachable(f"{error.strerror or error}.{remedy}", again=False) from error


def _path(uri: str) -> Path:
    # A file may be called by what would end the path of a URL: # and ?.
    return Path("/", unquote(uri.removeprefix("file://").partition("/")[2]))


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # On a full disk what is half written would keep it full.
        temporary.unlink(missing_ok=True)
        raise
