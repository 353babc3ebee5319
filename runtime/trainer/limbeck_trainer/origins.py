"""What a run begins with beside its data, the folder of a tokenizer or of a pretrained model: the same to its end.

Its digest is written down with the run's checkpoints. To go on from one of them with another tokenizer would be to read
other texts with it, and with another pretrained model the lineage would name one that nothing was trained from.
"""

from __future__ import annotations

import json

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.checkpoint import PLACE
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.json_text import json_bytes
from limbeck_trainer.model_config import Model, Transformer
from limbeck_trainer.samples import Dataset
from limbeck_trainer.store import Store

# By its name in the lineage.
NAMES = {"tokenizerSha256": "tokenizer", "pretrainedSha256": "pretrained model"}


def origins_of(model: Model, dataset: Dataset) -> dict[str, str]:
    """The digests, by their names in the lineage; that of a pretrained model is of its tokenizer, too."""
    if dataset.foundation is not None:
        return {"pretrainedSha256": dataset.foundation.sha256}
    # The tokenizer of bytes comes with the trainer.
    if isinstance(model, Transformer) and model.tokenizer_uri is not None and dataset.tokens is not None:
        return {"tokenizerSha256": dataset.tokens.sha256}
    return {}


def check_origins(store: Store, run_uri: str, now: dict[str, str]) -> None:
    """DataInvalid where the run has checkpoints that began with another one; else it is written down. For rank 0."""
    if not now:
        return
    note = f"{run_uri}/origins.json"
    began = _noted(store, note) if any(_is_pointer(uri) for uri in store.list(run_uri)) else {}
    for name, sha256 in now.items():
        # An older trainer wrote nothing down.
        if began.get(name, sha256) != sha256:
            _refuse(NAMES[name], sha256, began[name])
    if began != now:
        store.put(note, json_bytes(now))


def _is_pointer(uri: str) -> bool:
    place = PLACE.search(uri)
    return place is not None and place[4] == "json"


def _noted(store: Store, note: str) -> dict[str, str]:
    try:
        noted = json.loads(store.get(note))
    except (ObjectMissing, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _refuse(what: str, now: str, began: str) -> None:
    problem = f"The {what} has the sha256 {now}, and this run has checkpoints that began with {began}"
    remedy = f"Put it back as it was, or leave it, and make a new job: a run has one {what} from begin to end."
    raise TrainerError(Reason.DATA_INVALID, f"{problem}. It was changed since the run began. {remedy}")
