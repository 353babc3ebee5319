"""The held-out rows, looked at once: the model and, after a distillation, control and teacher on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from limbeck_trainer.config import Config
from limbeck_trainer.data import Floats
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.answers import Answers, answers_of
from limbeck_trainer.evaluation.classification import evaluate_classification
from limbeck_trainer.evaluation.language import evaluate_language
from limbeck_trainer.evaluation.outputs import gather_answers, gather_losses, gather_outputs
from limbeck_trainer.evaluation.regression import evaluate_regression
from limbeck_trainer.evaluation.tasks import Evaluation
from limbeck_trainer.session import Material


@dataclass(frozen=True)
class Measured:
    """How model, control and teacher do; `agreement`: on which share model and teacher name the same class."""

    model: Evaluation
    control: Evaluation | None = None
    teacher: Evaluation | None = None
    agreement: float | None = None

    @property
    def others(self) -> dict[str, Evaluation]:
        """Those beside the model, by the names of the contract."""
        named = {"control": self.control, "teacher": self.teacher}
        return {name: evaluation for name, evaluation in named.items() if evaluation is not None}


@dataclass(frozen=True)
class Examined:
    """Who is measured; teacher: its logits [n, classes] for every row of the data set."""

    model: nn.Module
    control: nn.Module | None
    teacher: Floats | None


def measure(config: Config, peers: Peers, material: Material, examined: Examined) -> Measured | None:
    """Every rank answers its share; rank 0 gets the figures, the others None."""
    if config.task == "causalLM":
        return _foretelling(config, peers, material, examined.model)
    if config.task == "regression":
        return _estimating(config, peers, material, examined.model)
    answers = _answers(examined.model, material, peers)
    alone = None if examined.control is None else _answers(examined.control, material, peers)
    if not peers.leads:
        return None

    def judged(one: Answers) -> Evaluation:
        return evaluate_classification(one, config.data.split_seed)

    test = material.rows.test
    taught = None if examined.teacher is None else answers_of(examined.teacher, test, answers.actual)
    agreement = None if taught is None else float((answers.predicted == taught.predicted).mean())
    return Measured(
        judged(answers),
        None if alone is None else judged(alone),
        None if taught is None else judged(taught),
        agreement,
    )


def _answers(model: nn.Module, material: Material, peers: Peers) -> Answers:
    """To the held-out rows."""
    answers = gather_answers(model, material, material.rows.test, peers)
    _check(np.isfinite(answers.largest), material)
    return answers


def _check(finite: npt.NDArray[np.bool_], material: Material) -> None:
    """NonFiniteLoss, on every rank, if some answers are no numbers: such a model cannot be measured."""
    wrong = np.flatnonzero(~finite)
    if len(wrong) > 0:
        what = f"The model's answers to {len(wrong)} of {len(finite)} held-out samples are no finite numbers"
        row = int(material.rows.test[wrong[0]]) + 1
        raise TrainerError(
            Reason.NON_FINITE_LOSS, f"{what}, that to row {row} of the data first. Look for extreme values there."
        )


def _estimating(config: Config, peers: Peers, material: Material, model: nn.Module) -> Measured | None:
    test = material.rows.test
    outputs = gather_outputs(model, material, test, peers)
    _check(np.asarray(np.isfinite(outputs).all(axis=1)), material)
    if not peers.leads:
        return None
    actual = material.dataset.y[test].astype(np.float64)
    return Measured(evaluate_regression(actual, outputs, config.data.split_seed))


def _foretelling(config: Config, peers: Peers, material: Material, model: nn.Module) -> Measured | None:
    test = material.rows.test
    losses = gather_losses(model, material, test, peers)
    if not peers.leads:
        return None
    tokens = material.dataset.y.counts[test].astype(np.int64)
    return Measured(evaluate_language(tokens, losses, config.data.split_seed))
