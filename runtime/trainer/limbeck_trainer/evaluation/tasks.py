"""What is measured, whatever the task."""

from __future__ import annotations

from limbeck_trainer.evaluation.classification import Classification
from limbeck_trainer.evaluation.language import Language
from limbeck_trainer.evaluation.regression import Regression

Evaluation = Classification | Regression | Language
