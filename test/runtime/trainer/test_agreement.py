"""Workers that have read different bytes train nothing together, whichever bytes those are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from limbeck_trainer.agreement import check_agreement
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.samples import Dataset, Tokens
from support import alone


@dataclass(frozen=True)
class Base:
    """As much of a pretrained model as counts here."""

    sha256: str


NONE = np.zeros((0, 4), dtype=np.int32)
TOKENS = Tokens(4, 4, 0, 0, {"tokenizer.json": b"{}"})
MINE = Dataset(NONE, NONE, (), "d", tokens=TOKENS, foundation=Base("p"))  # type: ignore[arg-type]


class Second(Peers):
    """Rank 1 of two, that hears what rank 0 says of its own data set."""

    def __init__(self, leading: list[str]) -> None:
        super().__init__(alone())
        self.rank = 1
        self._leading = leading

    def broadcast(self, data: bytes | None) -> bytes | None:
        """Rank 0's digests, one after the other."""
        assert data is None
        return self._leading.pop(0).encode()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda mine: mine, None),
        (lambda mine: replace(mine, sha256="e"), "different data: rank 0 has the sha256 e,"),
        (lambda mine: replace(mine, tokens=replace(TOKENS, files={"tokenizer.json": b"[]"})), "different tokenizers: "),
        (lambda mine: replace(mine, foundation=Base("q")), "different pretrained models: rank 0 has the sha256 q,"),
    ],
)
def test_each_worker_says_which_are_not_those_of_rank_0(other: Callable[[Dataset], Dataset], words: str | None) -> None:
    leading = other(MINE)
    assert leading.tokens is not None and leading.foundation is not None
    peers = Second([leading.sha256, leading.tokens.sha256, leading.foundation.sha256])
    if words is None:
        check_agreement(peers, MINE)
        return
    with pytest.raises(TrainerError, match=words) as caught:
        check_agreement(peers, MINE)
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
