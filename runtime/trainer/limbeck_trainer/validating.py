"""What is watched while a model is trained: figures of the validation rows at the end of each epoch."""

from __future__ import annotations

import math

import torch

from limbeck_trainer.distributed import Peers
from limbeck_trainer.engine import Engine
from limbeck_trainer.evaluation.outputs import count_correct, rows_at_once, sum_of_squares
from limbeck_trainer.losses import perplexity_of
from limbeck_trainer.session import Material

# A step, a loss, and what was validated, by the names of the contract.
Point = dict[str, float]


def validated(task: str, engine: Engine, material: Material, peers: Peers) -> Point:
    """For a person: the share of right classes, the error in the target's unit, or the perplexity. Collective."""
    if task == "causalLM":
        return {"validationPerplexity": perplexity_of(validation_loss(engine, material))}
    model, rows = engine.parallel.evaluated, material.rows.validation
    if task == "regression":
        return {"validationRmse": math.sqrt(sum_of_squares(model, material, rows, peers) / len(rows))}
    return {"validationAccuracy": count_correct(model, material, rows, peers) / len(rows)}


def validation_loss(engine: Engine, material: Material) -> float:
    """For early stopping: the criterion, the same on every rank. Collective."""
    rows = torch.from_numpy(material.rows.validation)
    return engine.mean_loss(material.x, rows, rows_at_once(material.dataset.cells))


def without_wrong(point: Point) -> tuple[Point, list[str]]:
    """What is a finite number, and the names of the rest, for which JSON has no words."""
    wrong = [name for name, value in point.items() if not math.isfinite(value)]
    return {name: value for name, value in point.items() if name not in wrong}, wrong
