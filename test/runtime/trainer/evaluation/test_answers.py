"""What is kept of a classifier's answers: of few classes all, of many as much as there is room for, and it is said."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator

import jsonschema
import numpy as np
import pytest
import torch
from limbeck_trainer.distributed import Peers
from limbeck_trainer.evaluation.answers import FEW_CLASSES, KEPT_CELLS, Answers, answers_of, kept_of
from limbeck_trainer.evaluation.classification import METRICS, Classification, evaluate_classification
from limbeck_trainer.evaluation.intervals import Doubles
from limbeck_trainer.evaluation.outputs import EVALUATION_CELLS, gather_answers
from limbeck_trainer.measuring import Measured
from limbeck_trainer.report.document import report_document
from limbeck_trainer.report.page import CLASSES, page_of
from limbeck_trainer.samples import Dataset, Ints, Rows
from limbeck_trainer.session import Material
from sklearn import metrics as reference
from support import Document, alone, contract
from torch import nn

RANDOM = np.random.default_rng(6)
EXTRAS = {
    "run": {"namespace": "default", "name": "many"},
    "model": {"sha256": "a" * 64, "sizeBytes": 1000},
    "parity": {"samples": 300, "largestDelta": 1e-6},
    "lineage": {},
}


@pytest.mark.parametrize(
    ("samples", "classes", "kept"),
    [
        (359, 10, 10),
        # All of few classes, however many samples there are.
        (10_000_000, FEW_CLASSES, FEW_CLASSES),
        (50_000, 1000, 1000),
        (1024, 65_536, 65_536),
        (13_107, 65_536, KEPT_CELLS // 13_107),
        (65_536, 65_536, 1024),
        (10_000_000, 65_536, FEW_CLASSES),
    ],
)
def test_of_many_classes_as_many_are_kept_as_there_is_room_for(samples: int, classes: int, kept: int) -> None:
    chosen = kept_of(samples, classes)
    assert len(np.unique(chosen)) == len(chosen) == kept
    assert (chosen[0], chosen[-1]) == (0, classes - 1)
    assert np.ptp(np.diff(chosen)) <= 1
    assert kept == classes or 8 * samples * kept <= max(512 << 20, 8 * FEW_CLASSES * samples)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the logits of 50 classes of 400 samples."""
    monkeypatch.setattr("limbeck_trainer.evaluation.answers.FEW_CLASSES", 50)
    monkeypatch.setattr("limbeck_trainer.evaluation.answers.KEPT_CELLS", 50 * 400)


def made(samples: int, classes: int) -> tuple[Ints, Doubles]:
    actual = np.arange(samples) % classes
    return actual, RANDOM.normal(size=(samples, classes)) + 3 * np.eye(classes)[actual]


def evaluated(actual: Ints, logits: Doubles) -> Classification:
    return evaluate_classification(answers_of(logits, np.arange(len(logits)), actual), 3)


def test_what_is_left_out_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    actual, logits = made(400, 100)
    whole = evaluated(actual, logits)
    monkeypatch.setattr("limbeck_trainer.evaluation.answers.FEW_CLASSES", 10)
    monkeypatch.setattr("limbeck_trainer.evaluation.answers.KEPT_CELLS", 10 * 400)
    part = evaluated(actual, logits)
    for name in METRICS:
        assert (part.metrics[name] == whole.metrics[name]) == (name != "rocAuc"), name
    kept = part.answers.kept.tolist()
    assert kept == np.linspace(0, 99, 10).tolist()
    for index, (one, other) in enumerate(zip(part.classes, whole.classes, strict=True)):
        assert (one.samples, one.precision, one.recall, one.f1) == (
            *(other.samples, other.precision),
            *(other.recall, other.f1),
        )
        assert one.roc_auc == other.roc_auc if index in kept else math.isnan(one.roc_auc.value)
    areas = [whole.classes[index].roc_auc.value for index in kept]
    assert part.metrics["rocAuc"].value == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("classes", [2, 4])
def test_answers_that_are_surer_than_float64_can_say_keep_their_order(classes: int) -> None:
    random = np.random.default_rng(3)
    actual = random.integers(0, classes, 200)
    logits = random.normal(size=(200, classes)) * 3 + 2 * np.eye(classes)[actual]
    logits[:, 0] += 60
    ours = evaluated(actual, logits)
    assert np.all(ours.answers.confidence == 1.0)
    for index, scores in enumerate(ours.classes):
        others = np.delete(logits, index, axis=1)
        odds = logits[:, index] - torch.logsumexp(torch.from_numpy(others), 1).numpy()
        assert scores.roc_auc.value == pytest.approx(reference.roc_auc_score(actual == index, odds))


class Counting(nn.Module):
    """A classifier that knows how many samples it was given at once."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, classes)
        self.most = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.most = max(self.most, len(x))
        answer: torch.Tensor = self.layer(x)
        return answer


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def answered(samples: int, classes: int) -> tuple[Counting, Answers]:
    x, y, rows = torch.randn(samples, 4), np.arange(samples) % classes, np.arange(samples)
    labels = tuple(map(str, range(classes)))
    model, parts = Counting(classes), Rows(rows, rows, rows, rows)
    material = Material(Dataset(x.numpy(), y, labels, ""), parts, x, torch.from_numpy(y))
    tracemalloc.reset_peak()
    return model, gather_answers(model, material, rows, Peers(alone()))


@pytest.mark.usefixtures("little_room", "traced")
def test_no_more_is_held_of_many_classes_than_the_rows_of_one_piece() -> None:
    """Counted is what numpy holds; PyTorch holds the rows that the model is given at once."""
    samples, classes = 400, 65_536
    model, answers = answered(samples, classes)
    _, peak_bytes = tracemalloc.get_traced_memory()
    assert model.most * classes <= EVALUATION_CELLS
    assert answers.logits.shape == (samples, 50)
    # All logits have 210 MB.
    assert peak_bytes < 8 * samples * classes / 5


@pytest.mark.usefixtures("little_room", "traced")
def test_memory_does_not_grow_with_samples_times_classes() -> None:
    peaks = []
    for samples in (1000, 3000):
        _, answers = answered(samples, 2000)
        evaluate_classification(answers, 0)
        peaks.append(tracemalloc.get_traced_memory()[1])
    # The logits alone have 32 MB more.
    assert peaks[1] - peaks[0] < 8 * 2000 * 2000 / 4


@pytest.mark.usefixtures("traced")
def test_memory_does_not_grow_with_the_square_of_the_classes() -> None:
    samples, classes = 100, 4000
    evaluated(np.arange(samples) * 40, RANDOM.normal(size=(samples, classes)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    # A matrix of int64 would have 128 MB.
    assert peak_bytes < 8 * classes**2 / 2


@pytest.mark.usefixtures("little_room")
def test_the_report_says_what_is_left_out_and_why() -> None:
    actual, logits = made(400, CLASSES + 1)
    report = whole_report(actual, logits)
    assert report["leftOut"] == {
        "rocAuc": "Of 50 of the 1,001 classes, evenly taken: it needs the scores of all samples together, and those of "
        "all classes would take 0.0 GiB. All other figures are of all classes."
    }
    assert len(report["classes"]) == CLASSES + 1
    assert 0 < sum("rocAuc" in row for row in report["classes"]) <= 50
    assert {curve["label"] for curve in report["roc"]} <= {row["label"] for row in report["classes"] if "rocAuc" in row}
    page = page_of(report)
    assert "ROC AUC: Of 50 of the 1,001 classes, evenly taken" in page
    assert f"The {CLASSES} with the least F1; report.json has all {CLASSES + 1}." in page


def test_of_few_classes_there_is_nothing_to_say() -> None:
    report = whole_report(*made(400, 60))
    assert "leftOut" not in report
    page = page_of(report)
    assert ("evenly taken" in page, "with the least F1" in page) == (False, False)


def whole_report(actual: Ints, logits: Doubles) -> Document:
    labels = tuple(f"class {index}" for index in range(logits.shape[1]))
    report: Document = report_document(labels, Measured(evaluated(actual, logits)), [], EXTRAS)
    jsonschema.validate(report, contract("model-report"))
    return report
