"""What a model answers, over ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limbeck_trainer.data import Ints
from limbeck_trainer.distributed import Peers
from limbeck_trainer.evaluation.intervals import Doubles

EVALUATION_BATCH = 1024


@torch.no_grad()
def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Outputs [n, ...] of x [n, ...], in batches."""
    model.eval()
    outputs = [model(batch) for batch in torch.split(x, EVALUATION_BATCH)]
    model.train()
    return torch.cat(outputs)


def gather_outputs(model: nn.Module, x: Tensor, rows: Ints, peers: Peers) -> Doubles:
    """Outputs [len(rows), m] in the order of `rows`, the same on every rank.

    The ranks share the rows out without repeating any, each fills in its own, and the sum puts them together.
    """
    # Part by part: a stream's samples need not fit into memory together.
    parts = peers.share_in_parts(torch.arange(len(rows)), EVALUATION_BATCH)
    answers = torch.cat([predict(model, _taken(x, rows, part)) for part in parts]).double()
    whole = torch.zeros((len(rows), *answers.shape[1:]), dtype=torch.float64, device=answers.device)
    whole[torch.cat(parts).to(answers.device)] = answers
    return peers.sum(whole).cpu().numpy()


def count_correct(model: nn.Module, x: Tensor, y: Tensor, rows: Ints, peers: Peers) -> int:
    """On how many of `rows` the largest logit is that of the class y [n], summed over ranks."""
    hits = torch.zeros((), dtype=torch.int64, device=y.device)
    for part in peers.share_in_parts(torch.arange(len(rows)), EVALUATION_BATCH):
        named = predict(model, _taken(x, rows, part)).argmax(dim=1)
        hits += (named == _taken(y, rows, part)).sum()
    return int(peers.sum(hits))


def sum_of_squares(model: nn.Module, x: Tensor, y: Tensor, rows: Ints, peers: Peers) -> float:
    """Of the errors of a regression on `rows`, y [n], summed over ranks."""
    total = torch.zeros((), dtype=torch.float64, device=y.device)
    for part in peers.share_in_parts(torch.arange(len(rows)), EVALUATION_BATCH):
        errors = predict(model, _taken(x, rows, part)).reshape(-1) - _taken(y, rows, part)
        total += errors.double().square().sum()
    return float(peers.sum(total))


def _taken(values: Tensor, rows: Ints, places: Tensor) -> Tensor:
    return values[torch.from_numpy(rows)[places].to(values.device)]
