"""All workers have read the same data: otherwise each would take other rows for its part of a batch."""

from __future__ import annotations

from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.samples import Dataset


def check_agreement(peers: Peers, dataset: Dataset) -> None:
    """StoreUnavailable, on every rank, where one has read other bytes than rank 0: the next attempt reads anew."""
    mine = dataset.sha256
    leading = (peers.broadcast(mine.encode() if peers.leads else None) or b"").decode()
    if peers.any_of(mine != leading, False)[0]:
        what = f"The workers have read different data: rank 0 has the sha256 {leading}, and not all have it"
        remedy = "Leave data alone while a training begins, or fix it by its sha256 or, on a mirror, by its commit."
        raise TrainerError(Reason.STORE_UNAVAILABLE, f"{what}. It was changed meanwhile. {remedy}")
