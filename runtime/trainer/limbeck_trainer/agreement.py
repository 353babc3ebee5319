"""All workers have read the same: otherwise each would take other rows for its part of a batch, or other tokens."""

from __future__ import annotations

from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.samples import Dataset

FOLDER = "Leave its folder alone while a training begins"


def check_agreement(peers: Peers, dataset: Dataset) -> None:
    """StoreUnavailable, on every rank, where one has read other bytes than rank 0: the next attempt reads anew."""
    remedy = "Leave data alone while a training begins, or fix it by its sha256 or, on a mirror, by its commit"
    _check(peers, "data", dataset.sha256, remedy)
    if dataset.tokens is not None:
        _check(peers, "tokenizers", dataset.tokens.sha256, FOLDER)
    if dataset.foundation is not None:
        remedy = f"{FOLDER}, or fix it by model.pretrained.s3.sha256"
        _check(peers, "pretrained models", dataset.foundation.sha256, remedy)


def _check(peers: Peers, what: str, mine: str, remedy: str) -> None:
    leading = (peers.broadcast(mine.encode() if peers.leads else None) or b"").decode()
    if peers.any_of(mine != leading, False)[0]:
        problem = f"The workers have read different {what}: rank 0 has the sha256 {leading}, and not all have it"
        raise TrainerError(Reason.STORE_UNAVAILABLE, f"{problem}. It was changed meanwhile. {remedy}.")
