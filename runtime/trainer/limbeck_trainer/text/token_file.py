"""The tokens of documents on the scratch volume, one document after the other: memory need not hold them.

Who reads them maps the file: the kernel has what is in use in memory, once for all processes of the pod, and drops the
rest when memory is wanted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from limbeck_trainer.samples import Ints
from limbeck_trainer.scratch import room_for
from limbeck_trainer.text.tokenizer import Coder

TOKENS, LENGTHS, DIGEST = "tokens.bin", "lengths.npy", "sha256"


@dataclass(frozen=True)
class TokenFile:
    """tokens: [t] of all documents, on disk; lengths: [documents], in tokens; the digest of their source."""

    tokens: npt.NDArray[Any]
    lengths: Ints
    sha256: str


def write_tokens(folder: Path, coder: Coder, documents: Iterable[Sequence[int]], digest: Callable[[], str]) -> None:
    """Every document as its tokens; `digest` is asked after the last of them."""
    kind, lengths = _kind(coder), array("q")
    with room_for("the tokens of all texts"):
        with (folder / TOKENS).open("wb") as file:
            for ids in documents:
                file.write(np.array(ids, dtype=kind).tobytes())
                lengths.append(len(ids))
        np.save(folder / LENGTHS, np.array(lengths, dtype=np.int64))
        (folder / DIGEST).write_text(digest())


def open_tokens(folder: Path, coder: Coder) -> TokenFile:
    """What was written."""
    tokens = np.memmap(folder / TOKENS, dtype=_kind(coder), mode="r")
    return TokenFile(tokens, np.load(folder / LENGTHS), (folder / DIGEST).read_text())


def _kind(coder: Coder) -> npt.DTypeLike:
    return np.uint16 if coder.vocabulary <= 1 << 16 else np.int32
