"""Metrics against scikit-learn's, and intervals against a value from the literature and against their own promise."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch
from limbeck_trainer.evaluation.answers import answers_of
from limbeck_trainer.evaluation.classification import (
    Classification,
    ClassScores,
    counts_of,
    evaluate_classification,
    per_class,
)
from limbeck_trainer.evaluation.intervals import Doubles, bootstrap, resamples_of, wilson
from limbeck_trainer.evaluation.language import evaluate_language
from limbeck_trainer.evaluation.measure import Measure, metrics_document
from limbeck_trainer.evaluation.outputs import count_correct, gather_answers, gather_outputs, sum_of_squares
from limbeck_trainer.evaluation.ranking import Ranking, roc_curve
from limbeck_trainer.evaluation.regression import evaluate_regression
from limbeck_trainer.evaluation.wanted import class_metric_document
from limbeck_trainer.evaluation_config import ClassMetric
from limbeck_trainer.samples import Dataset, Ints, Rows, Tokens
from limbeck_trainer.session import Material
from sklearn import metrics as reference
from torch import nn

RANDOM = np.random.default_rng(5)
ACTUAL = np.concatenate([np.arange(6), RANDOM.integers(0, 6, size=300)])
# Rounded, so that scores tie.
LOGITS = np.round(RANDOM.normal(size=(306, 6)) + 1.5 * np.eye(6)[ACTUAL], 1)
PREDICTED = LOGITS.argmax(axis=1)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def evaluated(actual: Ints, logits: Doubles, seed: int) -> Classification:
    return evaluate_classification(answers_of(logits, np.arange(len(logits)), actual), seed)


OURS = evaluated(ACTUAL, LOGITS, seed=3)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("accuracy", reference.accuracy_score(ACTUAL, PREDICTED)),
        ("macroPrecision", reference.precision_score(ACTUAL, PREDICTED, average="macro")),
        ("macroRecall", reference.recall_score(ACTUAL, PREDICTED, average="macro")),
        ("macroF1", reference.f1_score(ACTUAL, PREDICTED, average="macro")),
        ("rocAuc", reference.roc_auc_score(ACTUAL, PROBABILITIES, multi_class="ovr", average="macro")),
        ("logLoss", reference.log_loss(ACTUAL, PROBABILITIES)),
    ],
)
def test_metrics_are_those_of_scikit_learn(name: str, theirs: float) -> None:
    measure = OURS.metrics[name]
    assert measure.value == pytest.approx(theirs, abs=1e-9)
    assert measure.low < measure.value < measure.high


def test_classes_are_those_of_scikit_learn() -> None:
    np.testing.assert_array_equal(OURS.confusion, reference.confusion_matrix(ACTUAL, PREDICTED))
    theirs = reference.precision_recall_fscore_support(ACTUAL, PREDICTED, zero_division=0)
    for name, their in zip(("precision", "recall", "f1"), theirs, strict=False):
        np.testing.assert_allclose([scores.of(name).value for scores in OURS.classes], their)
    assert [scores.samples for scores in OURS.classes] == theirs[3].tolist()
    areas = [reference.roc_auc_score(index == ACTUAL, PROBABILITIES[:, index]) for index in range(6)]
    np.testing.assert_allclose([scores.roc_auc.value for scores in OURS.classes], areas)


def test_weights_count_samples_as_often_as_they_say() -> None:
    weights = RANDOM.integers(0, 4, size=306).astype(np.float64)
    repeated = np.repeat(np.arange(306), weights.astype(np.int64))
    np.testing.assert_allclose(
        Ranking(ACTUAL, PROBABILITIES, np.arange(6)).areas(weights),
        Ranking(ACTUAL[repeated], PROBABILITIES[repeated], np.arange(6)).areas(np.ones(len(repeated))),
    )
    np.testing.assert_array_equal(
        astuple(counts_of(ACTUAL, PREDICTED, 6, weights)), astuple(counts_of(ACTUAL[repeated], PREDICTED[repeated], 6))
    )


@pytest.mark.parametrize("cells", [1, 700])
def test_many_classes_are_looked_at_some_at_a_time_with_the_same_figures(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr("limbeck_trainer.evaluation.answers.CELLS_AT_ONCE", cells)
    again = evaluated(ACTUAL, LOGITS, seed=3)
    assert (again.metrics, again.classes) == (OURS.metrics, OURS.classes)


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    # 100 answers with confidence 0.8 in one bin, 60 of them right: a gap of 0.2 wherever the bin lies.
    logits = np.tile(np.log([0.8, 0.2]), (100, 1))
    ours = evaluated(np.repeat([0, 1], [60, 40]), logits, seed=0)
    assert ours.metrics["calibrationError"].value == pytest.approx(0.2)
    honest = evaluated(np.repeat([0, 1], [80, 20]), logits, seed=0)
    assert honest.metrics["calibrationError"].value == pytest.approx(0.0, abs=1e-12)
    # Every resample is off by chance; the interval holds the value all the same.
    assert honest.metrics["calibrationError"].low <= honest.metrics["calibrationError"].value


def test_roc_curve_is_that_of_scikit_learn() -> None:
    false, true = roc_curve((ACTUAL == 2).astype(np.int64), PROBABILITIES[:, 2])
    their_false, their_true, _ = reference.roc_curve(ACTUAL == 2, PROBABILITIES[:, 2], drop_intermediate=False)
    np.testing.assert_allclose(false, their_false)
    np.testing.assert_allclose(true, their_true)


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    precision, recall, f1 = per_class(counts_of(np.array([0, 1, 1]), np.array([1, 1, 1]), 2))
    assert [precision[0], recall[0], f1[0]] == [0, 0, 0]
    scores = evaluated(np.array([0, 1, 1]), np.tile([0.0, 1.0], (3, 1)), seed=0)
    assert scores.metrics["macroRecall"].value == 0.5
    assert scores.metrics["macroF1"].value == pytest.approx(0.4)
    assert scores.classes[0].precision == Measure(0.0, 0.0, 1.0)


def test_extreme_logits_stay_finite() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    answers = answers_of(logits, np.arange(2), np.array([1, 0]))
    np.testing.assert_array_equal(answers.log_odds(slice(0, 2)), [[2e4, -2e4], [-2e4, 2e4]])
    wrong = evaluated(np.array([1, 0]), logits, seed=0)
    assert wrong.metrics["logLoss"].value == pytest.approx(2e4)


def test_wilson_interval() -> None:
    # Brown, Cai and DasGupta's textbook case of 81 of 263 (Agresti and Coull): 0.2553 to 0.3662.
    measure = wilson(81, 263)
    assert [measure.low, measure.high] == pytest.approx([0.2553, 0.3662], abs=5e-5)
    assert wilson(359, 359).high == 1.0
    assert wilson(0, 10).low == 0.0
    assert np.isnan(wilson(0, 0).value)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        sample = random.exponential(size=80)
        (mean,) = bootstrap(lambda weights, of=sample: np.array([weights @ of / weights.sum()]), 80, 80_000_000, trial)
        covered += mean.low <= 1.0 <= mean.high
    assert 0.88 <= covered / 200 <= 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    assert evaluated(ACTUAL, LOGITS, seed=3).metrics == OURS.metrics
    assert evaluated(ACTUAL, LOGITS, seed=4).metrics["macroF1"].low != OURS.metrics["macroF1"].low


def test_large_samples_are_resampled_less() -> None:
    assert resamples_of(3590) == 1000
    assert resamples_of(200_000) == 250
    assert resamples_of(10**9) == 100


@pytest.mark.parametrize("targets", [1, 3])
def test_regression_is_that_of_scikit_learn(targets: int) -> None:
    actual = RANDOM.normal(size=(200, targets)) * [1, 10, 100][:targets] + 5
    predicted = actual + RANDOM.normal(size=actual.shape)
    ours = evaluate_regression(actual, predicted, seed=0).metrics
    assert ours["mae"].value == pytest.approx(reference.mean_absolute_error(actual, predicted))
    assert ours["rmse"].value == pytest.approx(reference.root_mean_squared_error(actual, predicted))
    assert ours["r2"].value == pytest.approx(reference.r2_score(actual, predicted))
    assert all(measure.low < measure.value < measure.high for measure in ours.values())


def test_what_is_not_defined_was_not_measured() -> None:
    flat = evaluate_regression(np.full(10, 2.0), np.linspace(1, 3, 10), seed=0)
    assert list(metrics_document(flat.n, flat.metrics)) == ["n", "mae", "rmse"]


class Shard:
    """One rank of several without a network: `sum` only remembers."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank, self.world_size = rank, world_size

    def share(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[self.rank :: self.world_size]

    def share_in_parts(self, rows: torch.Tensor, most: int) -> tuple[torch.Tensor, ...]:
        return torch.tensor_split(self.share(rows), max(1, -(-len(rows) // (self.world_size * most))))

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        return value


@pytest.mark.parametrize("ranks", [1, 2, 7, 23])
def test_every_sample_is_counted_once_over_ranks(ranks: int) -> None:
    x, rows = torch.randn(23, 4), np.arange(3, 22)[::-1].copy()
    y = torch.arange(23) % 3
    parts = Rows(rows, rows[:0], rows[:0], rows)
    model, material = nn.Linear(4, 3), Material(Dataset(x.numpy(), y.numpy(), ("a", "b", "c"), ""), parts, x, y)
    shards = [Shard(rank, ranks) for rank in range(ranks)]
    whole = sum(gather_outputs(model, material, rows, shard) for shard in shards)  # type: ignore[arg-type]
    np.testing.assert_allclose(whole, model(x[rows]).detach().numpy(), rtol=1e-5)
    answers = [gather_answers(model, material, rows, shard) for shard in shards]  # type: ignore[arg-type]
    np.testing.assert_array_equal(sum(one.predicted for one in answers), whole.argmax(axis=1))
    np.testing.assert_allclose(sum(one.logits for one in answers), whole)
    correct = sum(count_correct(model, material, rows, shard) for shard in shards)  # type: ignore[arg-type]
    assert correct == int((model(x[rows]).argmax(dim=1) == y[rows]).sum())


class Pictures:
    """x [40, 3, 256, 256] that nobody has in memory, and how many of it were asked for at once."""

    device = torch.device("cpu")
    shape = (40, 3, 256, 256)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(rows))
        return torch.zeros((len(rows), *self.shape[1:]))


def test_of_large_samples_few_are_looked_at_together() -> None:
    """16 MiB of them, for a model makes several times as much of it."""
    x, y, rows = Pictures(), torch.zeros(40, dtype=torch.int64), np.arange(40)
    dataset = Dataset(x, y.numpy(), ("a", "b"), "")
    material = Material(dataset, Rows(rows, rows, rows, rows), x, y)  # type: ignore[arg-type]
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    gather_outputs(model, material, rows, Shard(0, 1))  # type: ignore[arg-type]
    count_correct(model, material, rows, Shard(0, 1))  # type: ignore[arg-type]
    sum_of_squares(nn.Sequential(model, nn.Linear(2, 1)), material, rows, Shard(0, 1))  # type: ignore[arg-type]
    assert x.asked == [20, 20] * 3


class Asked(nn.Module):
    """A model of two classes that knows how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.times += 1
        return torch.zeros((len(x), 2))


@pytest.mark.parametrize("count", [255, 256, 257, 2049])
def test_all_ranks_ask_a_model_of_texts_equally_often(count: int) -> None:
    """Where a model is divided, to be asked is collective: a rank that asks once more would wait for ever."""
    x, y, rows = torch.zeros((count, 128), dtype=torch.int32), torch.zeros(count, dtype=torch.int64), np.arange(count)
    dataset = Dataset(x.numpy(), y.numpy(), ("a", "b"), "", tokens=Tokens(257, 128, 256, 256, {}))
    material = Material(dataset, Rows(rows, rows, rows, rows), x, y)
    for look in (gather_answers, gather_outputs, count_correct):
        models = [Asked(), Asked()]
        for rank, model in enumerate(models):
            look(model, material, rows, Shard(rank, 2))  # type: ignore[arg-type]
        assert models[0].times == models[1].times


def test_the_type_says_what_it_holds() -> None:
    assert isinstance(OURS, Classification)
    assert OURS.n == 306
    odds = np.log(PROBABILITIES / (1 - PROBABILITIES))
    np.testing.assert_allclose(OURS.answers.log_odds(slice(0, 6)), odds, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(OURS.answers.confidence, PROBABILITIES.max(axis=1))


def test_perplexity_is_of_a_token_and_not_of_a_window() -> None:
    tokens, losses = np.array([10, 30, 20]), np.array([10.0, 60.0, 20.0])
    language = evaluate_language(tokens, losses, 0)
    perplexity = language.metrics["perplexity"]
    assert perplexity.value == pytest.approx(np.exp(90 / 60))
    assert np.exp(1.0) <= perplexity.low < perplexity.value < perplexity.high <= np.exp(2.0)
    assert language.n == 3


@pytest.mark.parametrize("label", ["cat", "\U0001f408" * 1000, f"begins {'x' * 1000} ends"])
def test_a_class_is_named_as_shortly_as_the_operator_takes_it(label: str) -> None:
    measure = Measure(0.5, 0.25, 0.75)
    scores = ClassScores(10, measure, measure, measure, measure)
    for wanted in (ClassMetric("recall", label), ClassMetric("recall", None)):
        named = str(class_metric_document(wanted, (label,), (scores,))["class"])
        # As JavaScript counts: in units of UTF-16.
        assert len(named.encode("utf-16-le")) // 2 <= 256
        assert (named[:6], named[-4:]) == (label[:6], label[-4:])


@pytest.mark.parametrize("label", ["c", None], ids=["that class", "the worst"])
def test_a_gate_on_a_class_without_a_sample_cannot_hold_and_is_told_in_numbers(label: str | None) -> None:
    """Whichever class is without one: the first was taken for the worst, and a later one was not looked at."""
    scores = evaluated(np.array([1, 1, 2, 2]), np.eye(3)[[1, 1, 2, 2]], seed=0).classes
    told = class_metric_document(ClassMetric("recall", label), ("c", "d", "e"), scores)
    assert told == {"class": "c", "n": 0, "value": 0.0, "low": 0.0, "high": 1.0}
