"""The layers before and after a model: what they make of categories, of missing values and of a target's unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from limbeck_trainer.export import export_onnx, prove_parity
from limbeck_trainer.model_config import Cnn, Linear, Mlp
from limbeck_trainer.onnx_model import OnnxModel
from limbeck_trainer.preprocess import Encode, Restore, assemble, target_spread
from limbeck_trainer.samples import Dataset, Feature
from torch import nn

FEATURES = (Feature("size", impute=True), Feature("colour", ("blue", "red"), True), Feature("age", impute=True))
NAN = float("nan")


def table(labels: tuple[str, ...] = ("a", "b")) -> Dataset:
    random = np.random.default_rng(0)
    x = np.stack([random.normal(40, 7, 50), random.integers(0, 2, 50), np.full(50, 3)], axis=1).astype(np.float32)
    x[::5, 0] = np.nan
    x[1, 1] = np.nan
    y = np.arange(50) % 2 if labels else random.normal(1e4, 250, 50).astype(np.float32)
    return Dataset(x, y, labels, "0", FEATURES)


def test_numbers_come_first_then_each_category() -> None:
    x = torch.tensor([[1.5, 0, 2], [NAN, 1, NAN], [0, 7, 1], [0, -1, 1], [0, NAN, 1]])
    expected = [[1.5, 2, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    assert Encode(FEATURES)(x).tolist() == expected
    assert Encode(FEATURES).width == 4


def test_a_missing_number_is_the_mean_of_the_training_rows() -> None:
    dataset, train = table(), np.arange(30)
    model = assemble(Linear(), dataset, train)
    mean = float(np.nanmean(dataset.x[train, 0]))
    asked = torch.tensor([[NAN, 1, 3], [mean, 1, 3]])
    missing, known = model(asked)
    torch.testing.assert_close(missing, known)


@pytest.mark.parametrize("model", [Linear(), Mlp((8,))])
@pytest.mark.parametrize("labels", [("a", "b"), ()])
def test_all_of_it_is_in_the_exported_file(model: Linear | Mlp | Cnn, labels: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    dataset = table(labels)
    module = assemble(model, dataset, np.arange(30))
    artefact = export_onnx(module, dataset)
    spread = target_spread(dataset, np.arange(30))
    assert prove_parity(artefact, module, dataset.x, 1, spread) <= 1e-4 * spread[1]
    answer = OnnxModel(artefact.content, 1).run(dataset.x)
    assert answer.shape == (50, dataset.outputs)
    assert np.isfinite(answer).all()
    assert artefact.outputs[0]["name"] == ("logits" if labels else "prediction")


@pytest.mark.parametrize("labels", [("a", "b"), ()])
def test_the_unit_of_data_changes_nothing(labels: tuple[str, ...]) -> None:
    """A power of two, by which no number is rounded: concentrations, distances in metres, rates."""
    answers = []
    for unit in (1.0, 2.0**-30):
        random = np.random.default_rng(0)
        x = (random.normal(40, 7, (50, 3)) * unit).astype(np.float32)
        y = np.arange(50) % 2 if labels else (random.normal(10, 2, 50) * unit).astype(np.float32)
        dataset = Dataset(x, y, labels, "0")
        torch.manual_seed(0)
        module = assemble(Mlp((8,)), dataset, np.arange(30))
        artefact = export_onnx(module, dataset)
        prove_parity(artefact, module, x, 1, target_spread(dataset, np.arange(30)))
        answers.append(OnnxModel(artefact.content, 1).run(x) / (1 if labels else unit))
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-5)
    assert answers[0].std() > 0.01


def test_an_untrained_regression_answers_near_the_mean_of_its_target() -> None:
    dataset, train = table(()), np.arange(50)
    mean, deviation = target_spread(dataset, train)
    assert (mean, deviation) == (pytest.approx(dataset.y.mean(), rel=1e-4), pytest.approx(dataset.y.std(), rel=1e-3))
    answers = assemble(Linear(), dataset, train)(torch.from_numpy(dataset.x)).detach().numpy()
    assert np.abs(answers - mean).max() < 5 * deviation


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_a_target_far_from_zero_keeps_its_digits_whatever_the_layers_compute_in(half: torch.dtype) -> None:
    """Half of them would leave one and the same pressure, and float16 has no number as large."""
    answers = Restore(101_325.0, 300.0)(torch.tensor([[-1.0], [0.0], [1.5]], dtype=half))
    assert answers.tolist() == [[101_025.0], [101_325.0], [101_775.0]]


def test_a_constant_target_has_the_deviation_1() -> None:
    constant = Dataset(np.zeros((4, 2), np.float32), np.full(4, 7, np.float32), (), "0")
    assert target_spread(constant, np.arange(4)) == (7.0, 1.0)
    assert nn.Sequential(Restore(7.0, 2.0))(torch.tensor([[0.5]])).tolist() == [[8.0]]
