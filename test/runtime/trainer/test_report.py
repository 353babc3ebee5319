"""The report: by its contract for programs, readable for people, and safe whatever the classes are called."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import jsonschema
import numpy as np
import pytest
from limbeck_trainer.evaluation.answers import answers_of
from limbeck_trainer.evaluation.classification import Classification, evaluate_classification
from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.evaluation.regression import evaluate_regression
from limbeck_trainer.evaluation.tasks import Evaluation
from limbeck_trainer.measuring import Measured
from limbeck_trainer.report.document import (
    CONFUSED_PAIRS,
    CONFUSION_CLASSES,
    PAIRS,
    ROC_CLASSES,
    ROC_POINTS,
    report_document,
)
from limbeck_trainer.report.page import page_of
from limbeck_trainer.report.plots import Plot, axis_of, learning_figures
from limbeck_trainer.samples import Ints
from support import Document, contract

RANDOM = np.random.default_rng(2)
HISTORY = [{"step": 20.0 * epoch, "loss": 2.0 / epoch, "validationAccuracy": 0.5 + epoch / 20} for epoch in range(1, 6)]
EXTRAS = {
    "run": {"namespace": "default", "name": "digits"},
    "model": {"sha256": "a" * 64, "sizeBytes": 1000},
    "parity": {"samples": 300, "largestDelta": 1e-6},
    "lineage": {"dataSha256": "d" * 64, "seed": 1},
}
EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}")


class Elements(HTMLParser):
    """Names, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def classified(classes: int, samples: int = 300) -> Evaluation:
    actual = np.concatenate([np.arange(classes), RANDOM.integers(0, classes, samples - classes)])
    return evaluated(actual, RANDOM.normal(size=(samples, classes)) + 2 * np.eye(classes)[actual])


def evaluated(actual: Ints, logits: Doubles) -> Classification:
    return evaluate_classification(answers_of(logits, np.arange(len(logits)), actual), 0)


def report(labels: tuple[str, ...], measured: Measured, history: list[dict[str, float]] = HISTORY) -> Document:
    document: Document = json.loads(json.dumps(report_document(labels, measured, history, EXTRAS)))
    jsonschema.validate(document, contract("model-report"))
    return document


def test_a_classification_shows_every_metric_class_and_plot() -> None:
    document = report(("a", "b", "c"), Measured(classified(3)))
    page = Elements(page_of(document))
    for words in ("Accuracy", "Macro F1", "ROC AUC", "Log loss", "Calibration error", "Confusion"):
        assert words in page.text, words
    assert page.tags.count("figure") == len(["loss", "accuracy", "reliability", "roc"])
    assert sum(document["confusion"][1]) == document["classes"][1]["samples"]
    assert any(text.startswith("Reliability") for text in page.text)
    counts = [str(count) for row in document["confusion"] for count in row if count]
    assert all(count in page.text for count in counts)
    assert sum(row["samples"] for row in document["calibration"]) == 300


def test_a_distillation_compares_student_control_and_teacher() -> None:
    document = report(("a", "b"), Measured(classified(2), classified(2), classified(2), 0.9))
    page = Elements(page_of(document))
    assert all(name in page.text for name in ("Model", "Control", "Teacher"))


def test_a_regression_shows_pairs_and_errors() -> None:
    actual = RANDOM.normal(size=5000) * 10
    document = report((), Measured(evaluate_regression(actual, actual + RANDOM.normal(size=5000), 0)))
    assert len(document["pairs"]["actual"]) == PAIRS
    assert sum(document["residuals"]["counts"]) == 5000
    page = Elements(page_of(document))
    assert {"Mean absolute error", "R²", "Predicted against actual", "Errors"} <= set(page.text)
    assert "Confusion" not in page.text


@pytest.mark.parametrize(
    ("actual", "predicted"),
    [
        ([1e17], [0.0]),
        ([3.0], [3.0]),
        ([0.0] * 5, [0.0] * 5),
        ([1e17, 2e17, 3e17], [2e17, 3e17, 4e17]),
        ([1.0, 2.0, 3.0], [1e5 + 1, 1e5 + 2, 1e5 + 3]),
        ([1e-9, 2e-9, 3e-9], [1.1e-9, 2e-9, 3e-9]),
        ([3e38, -3e38], [-3e38, 3e38]),
    ],
)
def test_every_error_is_drawn_however_few_or_large_or_alike_they_are(
    actual: list[float], predicted: list[float]
) -> None:
    document = report((), Measured(evaluate_regression(np.array(actual), np.array(predicted), 0)))
    edges, counts = document["residuals"]["edges"], document["residuals"]["counts"]
    assert "leftOut" not in document
    assert (sum(counts), edges == sorted(set(edges))) == (len(actual), True)
    page = Elements(page_of(document))
    assert page.tags.count("figure") == len(["loss", "accuracy", "pairs", "errors"])


def test_what_cannot_be_drawn_is_told_and_the_rest_is_drawn() -> None:
    """A training that is over does not fail by its report."""
    evaluation = evaluate_regression(np.arange(5.0), np.arange(5.0), 0)
    document = report((), Measured(replace(evaluation, predicted=np.array([0, 1, np.nan, 3, 4]))))
    assert set(document["leftOut"]) == {"pairs", "residuals"}
    assert "pairs" not in document
    broken = {**report(("a", "b"), Measured(classified(2))), "roc": [{"label": "a"}]}
    for shown, words, figures in (
        (document, "Errors: It cannot be drawn (ValueError: ", ["loss", "accuracy"]),
        (broken, "ROC: It cannot be drawn (KeyError: 'falsePositiveRate').", ["loss", "accuracy", "reliability"]),
    ):
        page = Elements(page_of(shown))
        assert any(text.startswith(words) for text in page.text), page.text
        assert page.tags.count("figure") == len(figures)


@pytest.mark.parametrize("actual", [[0], [0, 0, 0], [1]], ids=["one sample", "one class", "another class"])
def test_a_held_out_split_of_one_class_has_a_report(actual: list[int]) -> None:
    document = report(("a", "b"), Measured(evaluated(np.array(actual), RANDOM.normal(size=(len(actual), 2)))))
    assert ("rocAuc" in document["metrics"], document["roc"], "leftOut" in document) == (False, [], False)
    assert Elements(page_of(document)).tags.count("figure") == 4


def test_many_classes_stay_readable() -> None:
    document = report(tuple(f"class {index}" for index in range(60)), Measured(classified(60, 3000)))
    assert len(document["roc"]) == ROC_CLASSES
    assert max(len(curve["falsePositiveRate"]) for curve in document["roc"]) <= ROC_POINTS
    page = Elements(page_of(document))
    assert "Taken for" in page.text
    assert not any(value == "matrix" for name, value in page.attributes if name == "class")


def test_of_very_many_classes_only_those_are_told_that_are_confused() -> None:
    """A matrix would be as large as their square, and mostly zeros."""
    few, many = (
        report(tuple(f"class {index}" for index in range(count)), Measured(classified(count, 500)))
        for count in (CONFUSION_CLASSES, CONFUSION_CLASSES + 1)
    )
    matrix = np.array(few["confusion"])
    np.fill_diagonal(matrix, 0)
    first = few["confused"][0]
    row, column = (int(first[name].removeprefix("class ")) for name in ("actual", "predicted"))
    assert first["count"] == matrix[row, column] == matrix.max()
    assert sum(pair["count"] for pair in few["confused"]) == matrix.sum()
    assert "confusion" not in many
    assert 0 < len(many["confused"]) <= CONFUSED_PAIRS
    assert ("the whole matrix" in page_of(few), "the whole matrix" in page_of(many)) == (True, False)
    assert many["confused"][0]["actual"] in Elements(page_of(many)).text


def test_labels_are_text_and_nothing_else() -> None:
    page = page_of(report(EVIL, Measured(classified(3))))
    elements = Elements(page)
    assert "script" not in elements.tags
    assert "img" not in elements.tags
    assert not any(name.startswith("on") for name, _ in elements.attributes)
    assert all(label in elements.text for label in EVIL)
    assert "49" not in re.findall(r">\s*(49)\s*<", page.split("<h2>Classes</h2>")[0].split("legend")[-1])


def test_the_page_needs_nothing_from_elsewhere() -> None:
    elements = Elements(page_of(report(("a", "b"), Measured(classified(2)))))
    assert not {"link", "script", "img", "iframe"} & set(elements.tags)
    assert not any(name in ("src", "href") for name, _ in elements.attributes)


def test_losses_that_were_never_known_have_no_plot() -> None:
    history = [{"step": 20.0, "validationAccuracy": 0.5}, {"step": 40.0, "validationAccuracy": 0.6}]
    assert [figure.title for figure in learning_figures(history)] == ["Validation accuracy over the steps"]


@pytest.mark.parametrize("history", [[], HISTORY[:1]])
def test_a_training_of_one_epoch_has_no_learning_curve(history: list[dict[str, float]]) -> None:
    page = Elements(page_of(report(("a", "b"), Measured(classified(2)), history)))
    assert page.tags.count("figure") == 2


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 1.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([3.0, 97.0], [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
        ([-0.03, 0.04], [-0.04, -0.02, 0.0, 0.02, 0.04]),
    ],
)
def test_axes_have_round_ticks(values: list[float], ticks: list[float]) -> None:
    assert axis_of(values).ticks == ticks


def test_small_units_have_an_axis_of_their_own() -> None:
    assert axis_of([1e-15, 9e-15]).ticks == [0.0, 2e-15, 4e-15, 6e-15, 8e-15, 1e-14]


@pytest.mark.parametrize("values", [[float("nan")], [-1.7e308, 1.7e308], [0.0, 5e-324]])
def test_what_no_axis_can_hold_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no axis goes from"):
        axis_of(values)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e-9, 1e12, 1e17])
def test_a_value_that_never_changes_is_drawn_in_the_middle(value: float) -> None:
    axis = axis_of([value, value])
    assert axis.low < value < axis.high


def test_what_is_larger_is_higher() -> None:
    plot = Plot(axis_of([0.0, 10.0]), axis_of([0.0, 10.0]))
    assert plot.left(10) > plot.left(0)
    assert plot.top(10) < plot.top(0)


def test_a_class_without_a_held_out_sample_is_told_as_that() -> None:
    """data.labels may list one that the data does not have, and of a stream a rare one may have none."""
    logits = RANDOM.normal(size=(40, 3)) + 2 * np.eye(3)[np.arange(40) % 2]
    document = report(("a", "b", "never"), Measured(evaluated(np.arange(40) % 2, logits)))
    never = document["classes"][2]
    assert (never["samples"], never["recall"]) == (0, {"value": 0.0, "low": 0.0, "high": 1.0})
    assert "rocAuc" not in never
    assert "never" in Elements(page_of(document)).text
