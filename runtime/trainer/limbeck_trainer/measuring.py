"""The held-out rows, looked at once: the model and, after a distillation, control and teacher on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from limbeck_trainer.config import Config
from limbeck_trainer.data import Floats
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.evaluation.language import evaluate_language
from limbeck_trainer.evaluation.outputs import gather_losses, gather_outputs
from limbeck_trainer.evaluation.tasks import Evaluation, evaluate
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
    test, dataset = material.rows.test, material.dataset
    outputs = _answers(examined.model, material, peers)
    alone = None if examined.control is None else _answers(examined.control, material, peers)
    if not peers.leads:
        return None

    def judged(answers: Doubles) -> Evaluation:
        return evaluate(config.task, dataset.y[test], answers, config.data.split_seed)

    taught = None if examined.teacher is None else examined.teacher[test].astype(np.float64)
    agreement = None if taught is None else float((outputs.argmax(axis=1) == taught.argmax(axis=1)).mean())
    return Measured(
        judged(outputs),
        None if alone is None else judged(alone),
        None if taught is None else judged(taught),
        agreement,
    )


def _answers(model: nn.Module, material: Material, peers: Peers) -> Doubles:
    """To the held-out rows. NonFiniteLoss, on every rank, if some are no numbers: such a model cannot be measured."""
    answers = gather_outputs(model, material, material.rows.test, peers)
    wrong = np.flatnonzero(~np.isfinite(answers).all(axis=1))
    if len(wrong) > 0:
        what = f"The model's answers to {len(wrong)} of {len(answers)} held-out samples are no finite numbers"
        row = int(material.rows.test[wrong[0]]) + 1
        raise TrainerError(
            Reason.NON_FINITE_LOSS, f"{what}, that to row {row} of the data first. Look for extreme values there."
        )
    return answers


def _foretelling(config: Config, peers: Peers, material: Material, model: nn.Module) -> Measured | None:
    test = material.rows.test
    losses = gather_losses(model, material, test, peers)
    if not peers.leads:
        return None
    tokens = material.dataset.y.counts[test].astype(np.int64)
    return Measured(evaluate_language(tokens, losses, config.data.split_seed))
