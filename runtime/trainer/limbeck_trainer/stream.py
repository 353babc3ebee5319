"""Data that is larger than memory: read shard by shard, in every epoch again. A shard is one file that fits into it.

Before training, every worker goes through all shards once: targets, digest, the split and the statistics of the
training rows are known then, and x is all that is not kept. In training a worker reads its own part of the shards.
Pictures need no shards: see reading/pictures.py.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from limbeck_trainer.data_config import Builtin, Data
from limbeck_trainer.reading.again import read_again
from limbeck_trainer.reading.files import File, check_digest, digest_of, invalid, of_format, open_source
from limbeck_trainer.samples import Dataset, Floats, Ints, Shards, Stream
from limbeck_trainer.split import StreamSplit, stream_rows
from limbeck_trainer.statistics import Moments
from limbeck_trainer.store import Store

if TYPE_CHECKING:
    from limbeck_trainer.reading.shards import ShardReader


@dataclass(frozen=True)
class Shard:
    """One file of a stream, and how many rows it has."""

    file: File
    rows: int
    sha256: str


class ShardRows:
    """x of a stream, float32 [n, ...], by row numbers: the shards used last stay in memory, `window` of them."""

    def __init__(
        self, shards: tuple[Shard, ...], decode: Callable[[File, bytes], Floats], shape: tuple[int, ...], window: int
    ) -> None:
        self._shards = shards
        self._decode = decode
        self._window = window
        self._kept: OrderedDict[int, Floats] = OrderedDict()
        self.starts: Ints = np.cumsum([0, *(shard.rows for shard in shards)], dtype=np.int64)
        self.shape = (int(self.starts[-1]), *shape)

    def __len__(self) -> int:
        """n."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Floats:
        """The samples of these rows, in their order; each shard is looked into once."""
        wanted: Ints = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        samples = np.empty((len(wanted), *self.shape[1:]), dtype=np.float32)
        owners = np.searchsorted(self.starts, wanted, side="right") - 1
        for owner in np.unique(owners):
            mine = owners == owner
            samples[mine] = self._shard(int(owner))[wanted[mine] - self.starts[owner]]
        return samples

    def _shard(self, number: int) -> Floats:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        # Room first: never more than the window, not even while the next one is read.
        while len(self._kept) >= self._window:
            self._kept.popitem(last=False)
        shard = self._shards[number]
        self._kept[number] = self._decode(shard.file, read_again(shard.file, shard.sha256))
        return self._kept[number]


class Rowwise(Protocol):
    """Values by row numbers, [n, ...], of which only those are in memory that were asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> npt.NDArray[Any]: ...


class StreamTensor:
    """What is not in memory as the training indexes it: rows in, samples on the device `target` out.

    `device` is where rows are to be. It is the processor, which reads: of rows on a GPU it would have to wait for all
    that the GPU still has to do.
    """

    device = torch.device("cpu")

    def __init__(self, rows: Rowwise, target: torch.device) -> None:
        self._rows = rows
        self._target = target

    def __len__(self) -> int:
        """n."""
        return len(self._rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """[m] -> [m, ...]."""
        samples = torch.from_numpy(self._rows[rows.numpy()])
        if self._target.type == "cuda":
            # Only from such memory can a GPU copy beside its work.
            samples = samples.pin_memory()
        return samples.to(self._target, non_blocking=True)

    def index_select(self, _axis: int, rows: Tensor) -> Tensor:
        """As a tensor's own, along axis 0."""
        return self[rows]


def open_stream(data: Data, store: Store) -> Dataset:
    """The data set without its x in memory; DataMissing or DataInvalid says what is wrong with it."""
    # Read late: who only takes rows from a tensor needs no reader of tables.
    from limbeck_trainer.reading.pictures import open_pictures
    from limbeck_trainer.reading.shards import shard_reader

    assert data.window is not None
    assert not isinstance(data.source, Builtin)
    kind, files = of_format(open_source(data.source, store), data.reading.format)
    if not files.folder:
        invalid(f"{files.name} is one file. Name a folder of files in data.source, or leave out data.stream.")
    if kind == "images":
        return open_pictures(files, data)
    reader = shard_reader(kind, files, data.reading)
    scan = _Scan(reader, data)
    digest = digest_of(files, [scan.add(file, file.read()) for file in files.files])
    check_digest(files, digest, data.source.sha256)
    y, labels = reader.targets(np.concatenate(scan.targets))
    rows = stream_rows(np.concatenate(scan.parts), y, data, labels)
    x = ShardRows(tuple(scan.shards), reader.decode, reader.shape, data.window)
    mean, deviation = scan.moments.normalisation()
    stream = Stream(rows, mean, deviation, Shards(x.starts, data.window))
    return Dataset(x, y, labels, digest, reader.features, reader.document, stream)


class _Scan:
    """What one pass over all shards finds out."""

    def __init__(self, reader: ShardReader, data: Data) -> None:
        self._reader = reader
        self._split = StreamSplit(data)
        self.shards: list[Shard] = []
        self.targets: list[npt.NDArray[Any]] = []
        self.parts: list[npt.NDArray[np.uint8]] = []
        self.moments = Moments()

    def add(self, file: File, content: bytes) -> str:
        """Takes the next shard; its SHA-256."""
        x, targets, names = self._reader.survey(file, content)
        classes = np.zeros(len(targets), dtype=np.int64) if names is None else targets
        parts = self._split.assign(classes, names or {0: ""})
        self.moments.add(x[parts == 0])
        sha256 = hashlib.sha256(content).hexdigest()
        self.shards.append(Shard(file, len(targets), sha256))
        self.targets.append(targets)
        self.parts.append(parts)
        return sha256
