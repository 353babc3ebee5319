"""What every reader makes and the training takes: samples, targets, labels, and how raw values become them.

x is float32 [n, ...] exactly as the source has it: normalisation belongs to the model, so that the served model takes
raw data. y is int64 [n] with the class indices 0..classes-1 or, for a regression, float32 [n] in the target's own unit.
Of texts x is int32 [n, t], indices of tokens, and for a language model y is the token that follows each of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    # It brings tokenizers, which only some runs need.
    from limbeck_trainer.pretrained.foundation import Foundation

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
TokenIds = npt.NDArray[np.int32]

# In the place of a token where there is none to be predicted.
NO_TOKEN = -1
# Of a usual transformer: each compares every token with every other.
ATTENTION_HEADS = 8
# What a model has of a sample of numbers at once: as it came, less the mean, normalised, and what a layer makes of it.
COPIES = 4


@dataclass(frozen=True)
class Feature:
    """One column of x: a number, or the index of one of `categories`."""

    name: str
    categories: tuple[str, ...] = ()
    # Whether x may hold NaN here.
    impute: bool = False

    def document(self) -> dict[str, object]:
        """For the manifest: how a caller makes this column's number from what it knows."""
        kind: dict[str, object] = {"kind": "category", "categories": list(self.categories)}
        missing = {"missing": "NaN"} if self.impute else {}
        return {"name": self.name, **(kind if self.categories else {"kind": "number"}), **missing}


@dataclass(frozen=True)
class Rows:
    """Row numbers of a data set, ascending and disjoint: train, validation, test; `labelled` is a part of train."""

    train: Ints
    validation: Ints
    test: Ints
    labelled: Ints


@dataclass(frozen=True)
class Shards:
    """What can only be read together: the first row of each shard and after them n, and how many shards are kept and
    shuffled together."""

    starts: Ints
    window: int


@dataclass(frozen=True)
class Stream:
    """What is known of a stream beforehand: its split, the mean and deviation of the training rows (shaped to be taken
    from a batch), and its shards; None where each sample can be read by itself."""

    rows: Rows
    mean: Doubles
    deviation: Doubles
    shards: Shards | None


@dataclass(frozen=True)
class Tokens:
    """What the numbers in x stand for. `end` closes a document, `padding` fills rows; `files` are the tokenizer's."""

    vocabulary: int
    context_length: int
    end: int
    padding: int
    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """Of what `sha256sum` prints for the tokenizer's files by name."""
        lines = (f"{hashlib.sha256(self.files[name]).hexdigest()}  {name}\n" for name in sorted(self.files))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Samples and targets; one label per class, none for a regression; the digest of the source's bytes.

    `features` are the columns of a table. `preprocessing` goes into the manifest: how a caller makes x. `foundation` is
    the pretrained model whose tokens x holds. Not an array, but read when rows of it are asked for, are x where
    `stream` or `tokens` are set and, of a corpus, y, which then has `counts` [n], the tokens that there are in a row.
    """

    x: Any
    y: Any
    labels: tuple[str, ...]
    sha256: str
    features: tuple[Feature, ...] = ()
    preprocessing: Mapping[str, object] = field(default_factory=dict)
    stream: Stream | None = None
    tokens: Tokens | None = None
    foundation: Foundation | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x.shape[1:])

    @property
    def outputs(self) -> int:
        """Numbers that a model answers per sample (per token, of a language model): a logit per class, or one value."""
        if self.tokens is not None and not self.labels:
            return self.tokens.vocabulary
        return len(self.labels) or 1

    @property
    def cells(self) -> int:
        """Numbers that a model holds for a sample, about: they limit how many samples are evaluated together."""
        outputs = self.outputs if self.tokens is None else self.tokens.context_length * self.outputs
        return max(outputs, cells_of(self.shape, self.tokens is not None))


def cells_of(shape: tuple[int, ...], tokens: bool) -> int:
    """Numbers that a model holds for a sample of this shape, about; of tokens each is compared with every other."""
    return ATTENTION_HEADS * shape[0] ** 2 if tokens else COPIES * math.prod(shape)
