"""Pictures in folders that memory need not hold: each is read again whenever its row is asked for.

A picture is a file of its own, so any of them can be had as cheaply as those beside it, and nothing needs a window: an
epoch is shuffled as a whole, and a worker reads its own rows of each batch and no others. Split, order and batches are
those of the same pictures in memory, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from limbeck_trainer.data_config import Builtin, Data, ImageSize
from limbeck_trainer.reading.again import read_again
from limbeck_trainer.reading.files import File, Files, check_digest, digest_of
from limbeck_trainer.reading.images import Picture, check_same, classes_of, document, read_picture
from limbeck_trainer.samples import Dataset, Doubles, Floats, Ints, Stream
from limbeck_trainer.split import split_rows
from limbeck_trainer.statistics import Moments, piece_of

# Files that are read and decoded at once: a store takes its time for each, however small it is.
READERS = 8
# What of the first pass is in memory while the pictures before it are looked at.
AHEAD = 2 * READERS
DIGEST_BYTES = hashlib.sha256().digest_size

Item = TypeVar("Item")
Result = TypeVar("Result")


class PictureRows:
    """x of pictures, float32 [n, channels, height, width], by row numbers: in memory is what was asked for."""

    def __init__(self, files: Sequence[File], digests: bytes, size: ImageSize, readers: ThreadPoolExecutor) -> None:
        self._files = files
        self._digests = digests
        self._size = size
        self._readers = readers
        self.shape = (len(files), size.channels, size.height, size.width)

    def __len__(self) -> int:
        """n."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Floats:
        """The pictures of these rows, in their order."""
        wanted: Ints = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        samples = np.empty((len(wanted), *self.shape[1:]), dtype=np.float32)

        def fill(place: int) -> None:
            samples[place] = self._pixels(int(wanted[place]))

        # The first that is wrong, in their order, is the one that is told of.
        for _ in self._readers.map(fill, range(len(wanted))):
            pass
        return samples

    def _pixels(self, row: int) -> Floats:
        file, digest = self._files[row], self._digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]
        return read_picture(file, read_again(file, digest.hex()), self._size).pixels


def open_pictures(files: Files, data: Data) -> Dataset:
    """The data set without its x in memory, divided as if it were; DataMissing or DataInvalid says what is wrong."""
    y, labels = classes_of(files, data.reading)
    rows = split_rows(y, data, labels)
    readers = ThreadPoolExecutor(READERS)

    def look(file: File) -> tuple[bytes, Picture]:
        content = file.read()
        return hashlib.sha256(content).digest(), read_picture(file, content, data.reading.image)

    survey = _Survey(len(y), rows.train)
    for file, (found, picture) in zip(files.files, _in_order(readers, look, files.files), strict=True):
        survey.add(file, found, picture)
    digest = digest_of(files, survey.hex_digests())
    assert not isinstance(data.source, Builtin)
    check_digest(files, digest, data.source.sha256)
    stream = Stream(rows, *survey.normalisation(), shards=None)
    x = PictureRows(files.files, bytes(survey.digests), survey.size, readers)
    return Dataset(x, y, labels, digest, (), document(survey.size), stream)


class _Survey:
    """What one pass over all pictures finds out; in memory are those whose moments are taken together."""

    def __init__(self, count: int, train: Ints) -> None:
        self._trained = np.zeros(count, dtype=np.bool_)
        self._trained[train] = True
        self._row = 0
        self._first: Picture | None = None
        self._piece: list[Floats] = []
        self._moments = Moments()
        self.digests = bytearray()

    @property
    def size(self) -> ImageSize:
        """Of every picture."""
        assert self._first is not None
        return self._first.size

    def add(self, file: File, digest: bytes, picture: Picture) -> None:
        """Takes the next picture."""
        self._first = self._first or picture
        check_same(file, picture, self._first)
        self.digests += digest
        if self._trained[self._row]:
            self._piece.append(picture.pixels)
        self._row += 1
        if len(self._piece) == piece_of(picture.pixels.shape):
            self._close_piece()

    def hex_digests(self) -> Iterator[str]:
        """One for each picture."""
        return (self.digests[start : start + DIGEST_BYTES].hex() for start in range(0, len(self.digests), DIGEST_BYTES))

    def normalisation(self) -> tuple[Doubles, Doubles]:
        """Of the training rows: to the last bit as if they were in memory."""
        if self._piece:
            self._close_piece()
        return self._moments.normalisation()

    def _close_piece(self) -> None:
        self._moments.add(np.stack(self._piece))
        self._piece = []


def _in_order(readers: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What becomes of each; the readers are at most AHEAD items ahead of whoever takes it."""
    ahead: deque[Future[Result]] = deque()
    for item in items:
        ahead.append(readers.submit(work, item))
        if len(ahead) == AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()
