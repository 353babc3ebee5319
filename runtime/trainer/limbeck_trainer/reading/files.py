"""A source as files, whatever it is: an object or a folder of the store, of a volume, or a download.

A file is read when somebody asks for it, whole or as a stream. What is not there is DataMissing, for somebody may still
bring it.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import re
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, overload

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.data_config import (
    FORMATS,
    Brought,
    Builtin,
    Claimed,
    Download,
    Hub,
    Mirrored,
    Source,
    Stored,
    name_of,
)
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.download import download
from limbeck_trainer.reading.paths import Volume, visible
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


class Listing(Sequence[File]):
    """Files of which there may be millions: in memory is what tells each from the others, such as its path."""

    def __init__(self, keys: Sequence[Any], at: Callable[[Any], File]) -> None:
        self._keys = keys
        self._at = at

    def __len__(self) -> int:
        """How many there are."""
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> File: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[File]: ...
    def __getitem__(self, index: int | slice) -> File | Sequence[File]:
        """Made when it is asked for."""
        if isinstance(index, slice):
            return Listing(self._keys[index], self._at)
        return self._at(self._keys[index])


@dataclass(frozen=True)
class Files:
    """The files of a source in the order of their paths; `name` is the source's own."""

    name: str
    folder: bool
    files: Sequence[File]


def open_source(source: Source, store: Store) -> Files:
    """Looks what is there. A download is fetched now, everything else when it is read."""
    name = name_of(source)
    match source:
        case Stored():
            return _stored(source, store)
        case Hub(uri, split):
            files = _stored(Stored(uri, None), store)
            return _only(files, places_of_split(uri, [file.path for file in files.files], split))
        case Claimed() | Brought():
            return _mounted(name, Path(source.path))
        case Download():
            return Files(name, False, (_downloaded(name, download(source)),))
        case Builtin() | Mirrored():
            raise AssertionError(f"{name} has no files here")


def of_format(files: Files, wanted: str | None) -> tuple[str, Files]:
    """The format, asked for or told by the names, and the files that have it; others lie beside them in peace."""
    if wanted is not None and not files.folder:
        return wanted, files
    kind, places = places_of_format(files.name, [file.path for file in files.files], wanted)
    return kind, _only(files, places)


def places_of_format(name: str, paths: Sequence[str], wanted: str | None) -> tuple[str, Sequence[int]]:
    """The same of what the source `name` lists, before anything is fetched: the places of those paths."""
    kinds = [SUFFIXES.get(posixpath.splitext(path)[1].lower()) for path in paths]
    if wanted is None:
        found = sorted({kind for kind in kinds if kind})
        if len(found) != 1:
            what = f"has files of several formats ({', '.join(found)})" if found else "has no file of a known format"
            invalid(f"{name} {what}. Set data.format to one of {', '.join(FORMATS)}.")
        wanted = found[0]
    if wanted not in kinds:
        invalid(f"{name} has no file of the format {wanted}. Upload some, or correct data.format.")
    return wanted, array("q", (place for place, kind in enumerate(kinds) if kind == wanted))


def places_of_split(name: str, paths: Sequence[str], split: str) -> Sequence[int]:
    """The layout of the Hub: data/train-00000-of-00002.parquet, data/train.csv, or a folder train/."""

    def belongs(path: str) -> bool:
        *folders, last = path.split("/")
        return split in folders or re.split(r"[-.]", last)[0] == split

    places = array("q", (place for place, path in enumerate(paths) if belongs(path)))
    if not places:
        shown = ", ".join(paths[:10])
        invalid(f"{name} has no file of the split {split!r}; it has {shown}. Correct data.source.hf.split.")
    return places


def digest_of(files: Files, digests: Iterable[str]) -> str:
    """A file's own SHA-256; a folder's is that of what `sha256sum` prints for its files in the order of their paths."""
    if not files.folder:
        return next(iter(digests))
    whole = hashlib.sha256()
    for file, digest in zip(files.files, digests, strict=True):
        # A name on a volume need not be Unicode, and then stays the bytes that it is.
        whole.update(_line(digest, file.path).encode(errors="surrogateescape"))
    return whole.hexdigest()


def _line(digest: str, path: str) -> str:
    """As sha256sum writes it: a path that has a line break cannot pass for two."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}\n"


def check_digest(files: Files, digest: str, wanted: str | None) -> None:
    """DataInvalid if another digest was wanted."""
    if wanted is not None and digest != wanted:
        invalid(f"{files.name} has the sha256 {digest}, not {wanted}. It was changed, or the digest is wrong.")


def class_of(file: File) -> str:
    """The folder that holds the file, which names its class."""
    parts = file.path.split("/")
    if len(parts) < 2:
        invalid(f"{file.name} lies in no folder. Put every file into a folder with the name of its class.")
    try:
        parts[-2].encode()
    except UnicodeEncodeError:
        invalid(f"The folder {parts[-2]!r} names a class and is not UTF-8. Rename it.")
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


def refuse_text(files: Files) -> NoReturn:
    """For models that take numbers."""
    invalid(f"{files.name} is text, which only a transformer reads. Choose another model, or set data.format.")


def missing(name: str) -> NoReturn:
    """Data that is not there (yet)."""
    raise TrainerError(Reason.DATA_MISSING, f"The data set {name} does not exist. Upload it, or correct data.source.")


def _stored(source: Stored, store: Store) -> Files:
    uri = source.uri
    if not uri.endswith("/"):
        return Files(uri, False, (_object(store, uri, uri.rsplit("/", 1)[1]),))
    found = store.list(uri)
    paths = visible(one.removeprefix(uri) for one in found)
    if not paths:
        missing(uri)
    return Files(uri, True, Listing(paths, lambda path: _object(store, uri + path, path)))


def _only(files: Files, places: Sequence[int]) -> Files:
    return Files(files.name, files.folder, Listing(places, files.files.__getitem__))


def _object(store: Store, uri: str, path: str) -> File:
    return File(uri, path, partial(_get, store, uri), partial(_fetched, store, uri))


def _get(store: Store, uri: str) -> bytes:
    try:
        return store.get(uri)
    except ObjectMissing:
        missing(uri)


@contextlib.contextmanager
def _fetched(store: Store, uri: str) -> Iterator[BufferedReader]:
    # On the scratch volume, for whoever reads parquet jumps about in it; it goes when it is closed.
    with tempfile.TemporaryFile(buffering=0) as file:
        try:
            store.fetch(uri, file)
        except ObjectMissing:
            missing(uri)
        yield BufferedReader(file)


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
    with _readable(name):
        volume = Volume(root, name)
        if root.is_file():
            return Files(name, False, (_local(name, root, root.name),))
        paths = visible(volume.files())
    if not paths:
        missing(name)
    return Files(name, True, Listing(paths, lambda path: _local(f"{path} in {name}", root / path, path)))


def _local(name: str, file: Path, path: str) -> File:
    return File(name, path, partial(_read, name, file), partial(_opened, name, file))


def _read(name: str, file: Path) -> bytes:
    with _readable(name):
        return file.read_bytes()


@contextlib.contextmanager
def _opened(name: str, file: Path) -> Iterator[BufferedReader]:
    with _readable(name):
        stream = file.open("rb")
    with stream:
        yield stream


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        missing(name)
    except OSError as error:
        problem = f"{name} cannot be read: {error.strerror}."
        raise TrainerError(Reason.STORE_UNAVAILABLE, f"{problem} Let the group 65532 read it.") from error
