"""What a model answers, over ranks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limbeck_trainer.data import Ints
from limbeck_trainer.distributed import Peers
from limbeck_trainer.evaluation.answers import Answers, answers_in, kept_of, table_of
from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.samples import NO_TOKEN, cells_of
from limbeck_trainer.session import Material

EVALUATION_BATCH = 1024
# float32 numbers that are held at once, 64 MiB of them.
EVALUATION_CELLS = 1 << 24


def rows_at_once(cells: int) -> int:
    """How many samples are evaluated together, where a model holds so many numbers for each."""
    return max(1, min(EVALUATION_BATCH, EVALUATION_CELLS // cells))


def most_of(x: Tensor) -> int:
    """How many of the samples x [n, ...] are evaluated together."""
    # Tokens are whole numbers.
    return rows_at_once(cells_of(tuple(x.shape[1:]), not x.is_floating_point()))


@torch.no_grad()
def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Outputs [n, ...] of x [n, ...], in batches."""
    model.eval()
    outputs = [model(batch) for batch in torch.split(x, most_of(x))]
    model.train()
    return torch.cat(outputs)


def gather_outputs(model: nn.Module, material: Material, rows: Ints, peers: Peers) -> Doubles:
    """Outputs [len(rows), m] in the order of `rows`, the same on every rank."""
    most = rows_at_once(material.dataset.cells)
    return _gather(lambda part: predict(model, _taken(material.x, rows, part)), len(rows), most, peers)


def gather_answers(model: nn.Module, material: Material, rows: Ints, peers: Peers) -> Answers:
    """What is kept of a classifier's logits for `rows`, as `gather_outputs`: all of them may be too many."""
    classes, actual = material.dataset.outputs, material.dataset.y[rows].astype(np.int64)
    kept = kept_of(len(rows), classes)

    def table(part: Tensor) -> Tensor:
        logits = predict(model, _taken(material.x, rows, part))
        made = table_of(logits.double().cpu().numpy(), actual[part.numpy()], kept)
        return torch.from_numpy(made).to(logits.device)

    return answers_in(_gather(table, len(rows), rows_at_once(material.dataset.cells), peers), actual, kept, classes)


@torch.no_grad()
def gather_losses(model: nn.Module, material: Material, rows: Ints, peers: Peers) -> Doubles:
    """Cross entropies [len(rows)] of a language model, each summed over the tokens of its row, as `gather_outputs`."""

    def losses(part: Tensor) -> Tensor:
        logits = model(_taken(material.x, rows, part)).transpose(1, 2)
        targets = _taken(material.y, rows, part).long()
        return F.cross_entropy(logits, targets, ignore_index=NO_TOKEN, reduction="none").sum(dim=1)

    model.eval()
    gathered = _gather(losses, len(rows), rows_at_once(material.dataset.cells), peers)
    model.train()
    return gathered


def _gather(answer: Callable[[Tensor], Tensor], count: int, most: int, peers: Peers) -> Doubles:
    """The ranks share `count` places out, none twice; each fills in its own, and the sum puts them together."""
    whole: Tensor | None = None
    # Part by part: a stream's samples need not fit into memory together, nor answers of many classes twice.
    for part in peers.share_in_parts(torch.arange(count), most):
        answers = answer(part).double()
        if whole is None:
            whole = torch.zeros((count, *answers.shape[1:]), dtype=torch.float64, device=answers.device)
        whole[part.to(answers.device)] = answers
    assert whole is not None
    return peers.sum(whole).cpu().numpy()


def count_correct(model: nn.Module, material: Material, rows: Ints, peers: Peers) -> int:
    """On how many of `rows` the largest logit is that of the class y [n], summed over ranks."""
    hits = torch.zeros((), dtype=torch.int64, device=material.y.device)
    for part in peers.share_in_parts(torch.arange(len(rows)), rows_at_once(material.dataset.cells)):
        named = predict(model, _taken(material.x, rows, part)).argmax(dim=1)
        hits += (named == _taken(material.y, rows, part)).sum()
    return int(peers.sum(hits))


def sum_of_squares(model: nn.Module, material: Material, rows: Ints, peers: Peers) -> float:
    """Of the errors of a regression on `rows`, y [n], summed over ranks."""
    total = torch.zeros((), dtype=torch.float64, device=material.y.device)
    for part in peers.share_in_parts(torch.arange(len(rows)), rows_at_once(material.dataset.cells)):
        errors = predict(model, _taken(material.x, rows, part)).reshape(-1) - _taken(material.y, rows, part)
        total += errors.double().square().sum()
    return float(peers.sum(total))


def _taken(values: Tensor, rows: Ints, places: Tensor) -> Tensor:
    return values[torch.from_numpy(rows)[places].to(values.device)]
