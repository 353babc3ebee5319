"""A source as files, whatever it is: an object or a folder of the store, of a volume, or a download.

A file is read when somebody asks for it, whole or as a stream. What is not there is DataMissing, for somebody may still
bring it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import NoReturn

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.data_config import FORMATS, Brought, Builtin, Claimed, Download, Hub, Mirrored, Source, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.download import download
from limbeck_trainer.store import Store

SUFFIXES = {
    ".npz": "npz",
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
    ".txt": "text",
}


@dataclass(frozen=True)
class File:
    """`name` is for messages; `path` is below the source's folder, with slashes, or just the file's own name.

    `opened` is the file from its first byte on; memory need not hold it.
    """

    name: str
    path: str
    read: Callable[[], bytes]
    opened: Callable[[], AbstractContextManager[BufferedReader]]


@dataclass(frozen=True)
class Files:
    """The files of a source in the order of their paths; `name` is the source's own."""

    name: str
    folder: bool
    files: tuple[File, ...]


def open_source(source: Source, store: Store) -> Files:
    """Looks what is there. A download is fetched now, everything else when it is read."""
    match source:
        case Stored():
            return _stored(source, store)
        case Hub(uri, split):
            files = _stored(Stored(uri, None), store)
            return _only(files, paths_of_split(uri, [file.path for file in files.files], split))
        case Claimed(claim, path):
            return _mounted(f"{path} of the volume claim {claim}", Path(path))
        case Brought(name, path):
            return _mounted(name, Path(path))
        case Download(url):
            fetched = download(source)
            return Files(url, False, (_downloaded(url, fetched),))
        case Builtin(name) | Mirrored(name):
            raise AssertionError(f"the data set {name} has no files here")


def of_format(files: Files, wanted: str | None) -> tuple[str, Files]:
    """The format, asked for or told by the names, and the files that have it; others lie beside them in peace."""
    if wanted is not None and not files.folder:
        return wanted, files
    kind, paths = paths_of_format(files.name, [file.path for file in files.files], wanted)
    return kind, _only(files, paths)


def paths_of_format(name: str, paths: Sequence[str], wanted: str | None) -> tuple[str, list[str]]:
    """The same of what the source `name` lists, before anything is fetched."""
    kinds = {path: SUFFIXES.get(PurePosixPath(path).suffix.lower()) for path in paths}
    if wanted is None:
        found = sorted({kind for kind in kinds.values() if kind})
        if len(found) != 1:
            what = f"has files of several formats ({', '.join(found)})" if found else "has no file of a known format"
            invalid(f"{name} {what}. Set data.format to one of {', '.join(FORMATS)}.")
        wanted = found[0]
    chosen = [path for path in paths if kinds[path] == wanted]
    if not chosen:
        invalid(f"{name} has no file of the format {wanted}. Upload some, or correct data.format.")
    return wanted, chosen


def paths_of_split(name: str, paths: Sequence[str], split: str) -> list[str]:
    """The layout of the Hub: data/train-00000-of-00002.parquet, data/train.csv, or a folder train/."""

    def belongs(path: str) -> bool:
        *folders, last = path.split("/")
        return split in folders or re.split(r"[-.]", last)[0] == split

    chosen = [path for path in paths if belongs(path)]
    if not chosen:
        shown = ", ".join(paths[:10])
        invalid(f"{name} has no file of the split {split!r}; it has {shown}. Correct data.source.hf.split.")
    return chosen


def ordered(paths: Iterable[str]) -> list[str]:
    """By path; hidden files, and what other tools leave beside data (_SUCCESS), are none of ours."""
    return sorted(path for path in paths if path and not any(part[0] in "._" for part in path.split("/") if part))


def digest_of(files: Files, digests: Sequence[str]) -> str:
    """A file's own SHA-256; a folder's is that of what `sha256sum` prints for its files in the order of their paths."""
    if not files.folder:
        return digests[0]
    lines = (f"{digest}  {file.path}\n" for file, digest in zip(files.files, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_digest(files: Files, digest: str, wanted: str | None) -> None:
    """DataInvalid if another digest was wanted."""
    if wanted is not None and digest != wanted:
        invalid(f"{files.name} has the sha256 {digest}, not {wanted}. It was changed, or the digest is wrong.")


def class_of(file: File) -> str:
    """The folder that holds the file, which names its class."""
    parts = file.path.split("/")
    if len(parts) < 2:
        invalid(f"{file.name} lies in no folder. Put every file into a folder with the name of its class.")
    return parts[-2]


def text_of(name: str, content: bytes) -> str:
    """UTF-8, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        invalid(f"{name} is not UTF-8 at byte {error.start}. Save it as UTF-8.")


def invalid(message: str) -> NoReturn:
    """Data that no repetition mends: the message names file, place and remedy."""
    raise TrainerError(Reason.DATA_INVALID, message)


def missing(name: str) -> NoReturn:
    """Data that is not there (yet)."""
    raise TrainerError(Reason.DATA_MISSING, f"The data set {name} does not exist. Upload it, or correct data.source.")


def _stored(source: Stored, store: Store) -> Files:
    uri = source.uri
    if not uri.endswith("/"):
        return Files(uri, False, (_object(store, uri, uri.rsplit("/", 1)[1]),))
    found = store.list(uri)
    paths = ordered(one.removeprefix(uri) for one in found)
    if not paths:
        missing(uri)
    return Files(uri, True, tuple(_object(store, uri + path, path) for path in paths))


def _only(files: Files, paths: Iterable[str]) -> Files:
    chosen = set(paths)
    return Files(files.name, files.folder, tuple(file for file in files.files if file.path in chosen))


def _object(store: Store, uri: str, path: str) -> File:
    def read() -> bytes:
        try:
            return store.get(uri)
        except ObjectMissing:
            missing(uri)

    @contextlib.contextmanager
    def opened() -> Iterator[BufferedReader]:
        # On the scratch volume, for whoever reads parquet jumps about in it; it goes when it is closed.
        with tempfile.TemporaryFile(buffering=0) as file:
            try:
                store.fetch(uri, file)
            except ObjectMissing:
                missing(uri)
            yield BufferedReader(file)

    return File(uri, path, read, opened)


def _downloaded(url: str, file: BufferedReader) -> File:
    @contextlib.contextmanager
    def opened() -> Iterator[BufferedReader]:
        file.seek(0)
        yield file

    def read() -> bytes:
        file.seek(0)
        return file.read()

    return File(url, PurePosixPath(url.partition("?")[0]).name, read, opened)


def _mounted(name: str, root: Path) -> Files:
    with _readable(name, root):
        if root.is_file():
            return Files(name, False, (_local(name, root, name, root.name),))
        paths = ordered(file.relative_to(root).as_posix() for file in _below(root))
    if not paths:
        missing(name)
    return Files(name, True, tuple(_local(name, root / path, f"{path} in {name}", path) for path in paths))


def _below(root: Path) -> Iterator[Path]:
    """All files below a folder that may not be there. PermissionError where one may not look."""

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for folder, _, names in os.walk(root, onerror=fail):
        yield from (path for path in (Path(folder, name) for name in names) if path.is_file())


def _local(source: str, file: Path, name: str, path: str) -> File:
    @contextlib.contextmanager
    def opened() -> Iterator[BufferedReader]:
        with _readable(source, file):
            stream = file.open("rb")
        with stream:
            yield stream

    def read() -> bytes:
        with _readable(source, file):
            return file.read_bytes()

    return File(name, path, read, opened)


@contextlib.contextmanager
def _readable(source: str, file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        missing(source)
    except OSError as error:
        problem = f"{file} of {source} cannot be read: {error.strerror}."
        raise TrainerError(Reason.STORE_UNAVAILABLE, f"{problem} Let the group 65532 read it.") from error
