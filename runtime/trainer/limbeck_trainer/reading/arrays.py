"""Bytes of an .npz → x and y, checked as far as one file can be."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile

from limbeck_trainer.reading.files import invalid
from limbeck_trainer.reading.rounding import Rounding
from limbeck_trainer.samples import Floats, Ints

# Kinds of numpy's types: no truth, no complex number, no time.
REAL, WHOLE = "iuf", "iu"
# To how many bytes one byte of an archive can come at the most: the bound of deflate.
DEFLATED = 1032


def read_arrays(
    name: str, content: bytes, task: str, rounding: Rounding | None = None
) -> tuple[Floats, npt.NDArray[Any]]:
    """x: float32 [n, ...]; y: int64 [n] of class indices or, for a regression, float32 [n]; `rounding` takes note."""
    try:
        with NpzFile(io.BytesIO(content), own_fid=True, allow_pickle=False) as archive:
            # What is no array in such an archive comes as bytes.
            x, y = (np.asarray(_member(archive, member, len(content))) for member in ("x", "y"))
    except MemoryError:
        # Too little is left, which is not the file's fault: it claims no more than it can hold.
        raise
    except Exception as error:
        # All else is: the bytes are in memory.
        what = f"{name} must be an .npz with the arrays x and y of numbers: {str(error).rstrip('.')}"
        invalid(f"{what}. Save it with numpy.savez.")
    problem = _problem_of_x(x) or (_problem_of_values(x, y) if task == "regression" else _problem_of_classes(x, y))
    if problem is not None:
        invalid(f"{name} {problem}")
    if rounding is not None:
        rounding.add_array("x", x)
        if task == "regression":
            rounding.add_array("y", y.reshape(-1))
    return np.ascontiguousarray(x, dtype=np.float32), y.astype(np.float32 if task == "regression" else np.int64)


def _member(archive: NpzFile, member: str, size: int) -> Any:
    """An array of the archive; ValueError if its header claims more than an archive of `size` bytes can hold."""
    names = archive.zip.namelist()
    for name in [name for name in (member, f"{member}.npy") if name in names]:
        claimed, most = _claimed_bytes(archive, name), min(archive.zip.getinfo(name).file_size, DEFLATED * size)
        if claimed > most:
            raise ValueError(f"the header of {member} claims {claimed} bytes of numbers, and the file has {most}")
    return archive[member]


def _claimed_bytes(archive: NpzFile, name: str) -> int:
    """What is to be in memory for its numbers; 0 of what is no array, or none that is read."""
    with archive.zip.open(name) as file:
        if file.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            return 0
        major = file.read(2)[:1]
        read = npy.read_array_header_1_0 if major == b"\1" else npy.read_array_header_2_0
        shape, _, kind = read(file)  # type: ignore[no-untyped-call]
    return 0 if kind.hasobject else kind.itemsize * math.prod(shape)


def check_shape(name: str, x: Floats, first: Floats) -> None:
    """All files of a data set must hold samples of one shape."""
    if x.shape[1:] != first.shape[1:]:
        one, other = list(x.shape[1:]), list(first.shape[1:])
        invalid(f"{name} has samples of the shape {one}, the first file {other}. Make them the same.")


def check_classes(name: str, y: Ints, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of class indices: those given, or the indices themselves, which must then have no gap."""
    classes = np.unique(y)
    if labels and classes[-1] >= len(labels):
        row = int(np.flatnonzero(y >= len(labels))[0]) + 1
        what = f"{name} has in y the class {int(y[row - 1])} in row {row}, but data.labels lists {len(labels)}"
        invalid(f"{what}. Correct one of the two.")
    if len(classes) < 2:
        invalid(f"{name} has one class only: y is always {int(classes[0])}. Add samples of others.")
    if labels:
        return labels
    if not np.array_equal(classes, np.arange(len(classes))):
        shown = classes[:20].tolist()
        invalid(f"{name} must have in y the class indices 0..classes-1, each at least once; it has {shown}.")
    return tuple(str(index) for index in range(len(classes)))


def _problem_of_x(x: npt.NDArray[Any]) -> str | None:
    """What is wrong with x, as the end of a sentence; None if nothing is."""
    if x.ndim < 2 or x.dtype.kind not in REAL:
        return f"must have x as [n, ...] of real numbers, not {x.dtype} {list(x.shape)}."
    if len(x) == 0:
        return "has no samples. Add some, or remove the file."
    if x.size == 0:
        return f"has samples of no numbers: x is {list(x.shape)}. Give every axis but the first a length."
    with np.errstate(over="ignore"):
        finite = np.isfinite(x.astype(np.float32)).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0]) + 1
        return f"has values in x that are not finite 32-bit numbers, first in row {row}: remove NaN and infinity."
    return None


def _problem_of_classes(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> str | None:
    if y.dtype.kind not in WHOLE or y.shape != x.shape[:1]:
        return f"must have y as [{x.shape[0]}] of integers, one for each sample of x, not {y.dtype} {list(y.shape)}."
    if y.min() < 0:
        row = int(np.flatnonzero(y < 0)[0]) + 1
        return f"must have in y the class indices 0..classes-1; it has {int(y.min())}, first in row {row}."
    if int(y.max()) > np.iinfo(np.int64).max:
        row = int(y.argmax()) + 1
        return f"must have in y the class indices 0..classes-1; it has {int(y.max())} in row {row}."
    return None


def _problem_of_values(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> str | None:
    if y.dtype.kind not in REAL or y.shape not in (x.shape[:1], (x.shape[0], 1)):
        return f"must have y as [{x.shape[0]}] of real numbers, not {y.dtype} {list(y.shape)}."
    with np.errstate(over="ignore"):
        finite = np.isfinite(y.astype(np.float32))
    if not finite.all():
        row = int(np.flatnonzero(~finite.reshape(-1))[0]) + 1
        return f"has a target in y that is no finite 32-bit number, first in row {row}: remove NaN and infinity."
    return None
