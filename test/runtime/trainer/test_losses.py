"""The losses against formulas written out by hand, and their parts over ranks against the whole."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from limbeck_trainer.losses import Response, cross_entropy, perplexity_of, squared_error

N, CLASSES = 20, 5
RANDOM = np.random.default_rng(0)
STUDENT = RANDOM.normal(size=(N, CLASSES)) * 3
TEACHER = RANDOM.normal(size=(N, CLASSES)) * 3
Y = RANDOM.integers(0, CLASSES, size=N)
LABELLED = np.arange(N) % 3 == 0
WHOLE = np.array([0, 1, 2, 3, 5, 6, 8, 11, 12])


Doubles = npt.NDArray[np.float64]


def softmax(logits: npt.NDArray[np.floating]) -> Doubles:
    powers: Doubles = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Doubles = powers / powers.sum(axis=1, keepdims=True)
    return shares


def by_hand(rows: npt.NDArray[np.int64], temperature: float, alpha: float) -> float:
    """alpha T^2 mean_i sum_c p_t log(p_t / p_s) + (1 - alpha) mean over labelled i of -log p_s[y]."""
    p_t, p_s = softmax(TEACHER[rows] / temperature), softmax(STUDENT[rows] / temperature)
    soft = float((p_t * np.log(p_t / p_s)).sum(axis=1).mean())
    known = rows[LABELLED[rows]]
    hard = float(-np.log(softmax(STUDENT[known])[np.arange(len(known)), Y[known]]).mean()) if len(known) else 0.0
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def response(temperature: float, alpha: float) -> Response:
    return Response(torch.from_numpy(TEACHER), torch.from_numpy(Y), torch.from_numpy(LABELLED), temperature, alpha)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("rows", [WHOLE, np.array([1, 2, 4])], ids=["some labelled", "none labelled"])
def test_response_loss_is_the_formula(temperature: float, alpha: float, rows: npt.NDArray[np.int64]) -> None:
    batch = torch.from_numpy(rows)
    value = response(temperature, alpha)(torch.from_numpy(STUDENT[rows]), batch, batch)
    assert float(value) == pytest.approx(by_hand(rows, temperature, alpha), rel=1e-9)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn() -> None:
    rows = torch.from_numpy(WHOLE)
    assert float(response(4.0, 1.0)(torch.from_numpy(TEACHER[WHOLE]), rows, rows)) == pytest.approx(0, abs=1e-12)


def test_an_unlabelled_row_teaches_nothing_by_its_label() -> None:
    other = np.where(LABELLED, Y, (Y + 1) % CLASSES)
    rows, logits = torch.from_numpy(WHOLE), torch.from_numpy(STUDENT[WHOLE])
    changed = Response(torch.from_numpy(TEACHER), torch.from_numpy(other), torch.from_numpy(LABELLED), 4.0, 0.5)
    assert float(changed(logits, rows, rows)) == float(response(4.0, 0.5)(logits, rows, rows))


@pytest.mark.parametrize("ranks", [2, 4, 12])
def test_the_parts_of_all_ranks_add_up_to_the_whole(ranks: int) -> None:
    whole = torch.from_numpy(WHOLE)
    for criterion in (cross_entropy(torch.from_numpy(Y)), response(4.0, 0.7)):
        parts = [
            float(criterion(torch.from_numpy(STUDENT[WHOLE[rank::ranks]]), whole[rank::ranks], whole))
            for rank in range(ranks)
        ]
        assert sum(parts) == pytest.approx(float(criterion(torch.from_numpy(STUDENT[WHOLE]), whole, whole)))


def test_cross_entropy_is_the_mean_over_the_batch() -> None:
    rows = torch.from_numpy(WHOLE)
    expected = -np.log(softmax(STUDENT[WHOLE])[np.arange(len(WHOLE)), Y[WHOLE]]).mean()
    assert float(cross_entropy(torch.from_numpy(Y))(torch.from_numpy(STUDENT[WHOLE]), rows, rows)) == pytest.approx(
        expected
    )


def test_the_parts_of_a_squared_error_add_up_to_the_mean_in_units_of_the_deviation() -> None:
    y = torch.from_numpy(RANDOM.normal(1e3, 50, N))
    answers = y + torch.from_numpy(RANDOM.normal(0, 10, N))
    criterion, whole = squared_error(y, 50.0), torch.from_numpy(WHOLE)
    parts = [criterion(answers[whole[rank::2]].unsqueeze(1), whole[rank::2], whole) for rank in range(2)]
    expected = np.square((answers - y).numpy()[WHOLE] / 50).mean()
    assert float(sum(parts)) == pytest.approx(expected)


def test_a_perplexity_is_a_number_however_bad_the_model() -> None:
    assert perplexity_of(math.log(7)) == pytest.approx(7)
    assert math.isfinite(perplexity_of(1e6))
