"""What gates want to know of single classes, read from the config."""

from __future__ import annotations

import jsonschema
import pytest
from limbeck_trainer.config import parse_config
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.evaluation_config import ClassMetric
from support import config_document, contract


def test_a_class_may_be_named_or_not() -> None:
    wanted = [{"metric": "f1"}, {"metric": "f1", "class": "a"}]
    document = config_document("s3://b", evaluation={"classMetrics": wanted})
    jsonschema.validate(document, contract("trainer-config"))
    assert parse_config(document).class_metrics == (ClassMetric("f1", None), ClassMetric("f1", "a"))
    assert parse_config(config_document("s3://b")).class_metrics == ()


@pytest.mark.parametrize(
    ("evaluation", "problem"),
    [
        ({}, "evaluation.classMetrics is missing"),
        ({"classMetrics": {}}, "must be a list of objects"),
        ({"classMetrics": [{"metric": "accuracy"}]}, r"classMetrics\[0\].metric must be one of precision, recall, f1"),
        ({"classMetrics": [{"metric": "f1", "label": "a"}]}, r"classMetrics\[0\].label is not a known field"),
    ],
)
def test_a_mistake_is_named_with_its_place(evaluation: object, problem: str) -> None:
    with pytest.raises(TrainerError, match=problem):
        parse_config(config_document("s3://b", evaluation=evaluation))
