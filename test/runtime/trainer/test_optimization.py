"""The config's optimization: every field that may be absent has its default, every bad value its sentence."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from limbeck_trainer.config import parse_config
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.optimization import EarlyStopping
from support import config_document, contract


def document(**optimization: Any) -> dict[str, Any]:
    return config_document("s3://limbeck", optimization=optimization)


def test_what_is_not_said_changes_nothing() -> None:
    optimization = parse_config(document()).optimization
    assert (optimization.warm_up, optimization.clip_norm, optimization.early_stopping) == (None, None, None)
    assert (optimization.weight_decay, optimization.precision, optimization.accumulate) == (0, "float32", 1)


def test_reads_all_of_it() -> None:
    said = {
        "optimizer": "adamw",
        "schedule": "cosine",
        "warmUp": 0.05,
        "weightDecay": 0.01,
        "clipNorm": 1,
        "precision": "bfloat16",
        "accumulate": 4,
        "earlyStopping": {"patience": 3, "minDelta": 0.001},
    }
    jsonschema.validate(document(**said), contract("trainer-config"))
    optimization = parse_config(document(**said)).optimization
    assert (optimization.optimizer, optimization.schedule, optimization.warm_up) == ("adamw", "cosine", 0.05)
    assert (optimization.weight_decay, optimization.clip_norm, optimization.accumulate) == (0.01, 1, 4)
    assert optimization.early_stopping == EarlyStopping(3, 0.001)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"optimizer": "lion"}, "optimization.optimizer must be one of adam, adamw, sgd, not 'lion'"),
        ({"schedule": "step"}, "optimization.schedule must be one of constant, oneCycle, cosine, linear"),
        ({"warmUp": 1}, "optimization.warmUp must be less than 1, not 1"),
        ({"weightDecay": -1}, "optimization.weightDecay must be at least 0, not -1"),
        ({"clipNorm": 0}, "optimization.clipNorm must be greater than 0, not 0"),
        ({"precision": "int8"}, "optimization.precision must be one of float32, bfloat16, float16"),
        ({"accumulate": 0}, "optimization.accumulate must be at least 1, not 0"),
        ({"earlyStopping": {}}, "optimization.earlyStopping.patience is missing"),
        ({"earlyStopping": {"patience": 0}}, "optimization.earlyStopping.patience must be at least 1, not 0"),
    ],
)
def test_refuses_what_the_contract_refuses(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document(**said), contract("trainer-config"))
    with pytest.raises(TrainerError) as caught:
        parse_config(document(**said))
    assert sentence in caught.value.message
