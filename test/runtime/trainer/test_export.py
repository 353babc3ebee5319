"""The ONNX file: what it takes, that it equals torch, and that a difference is noticed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from limbeck_trainer.data import Dataset, load_data
from limbeck_trainer.data_config import Builtin
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.export import (
    STANDARD,
    Artefact,
    Spread,
    baseline_of,
    difference_of,
    export_onnx,
    oversize,
    prove_parity,
    upload,
)
from limbeck_trainer.exporting import export_proven
from limbeck_trainer.model_config import Cnn, Linear, Mlp, Model, Transformer
from limbeck_trainer.models import build_model, normalisation_of
from limbeck_trainer.preprocess import assemble, target_spread
from limbeck_trainer.samples import Feature, Rows, Tokens
from limbeck_trainer.session import Material
from limbeck_trainer.store import Store
from limbeck_trainer.transformer import Encoder
from torch import nn

DIGITS = load_data(Builtin("digits"), Store())
SOME = DIGITS.x[:300]
MILLION = 10**6


def build(model: Model) -> nn.Sequential:
    torch.manual_seed(0)
    return build_model(model, normalisation_of(DIGITS.x), (1, 8, 8), 10)


@pytest.mark.parametrize(
    ("parameters", "twice", "fits"),
    [(MILLION, 0, True), (532 * MILLION, 0, True), (533 * MILLION, 0, False), (400 * MILLION, 140 * MILLION, False)],
)
def test_a_model_file_holds_less_than_2_gib(parameters: int, twice: int, fits: bool) -> None:
    """float32; a table of tokens may be in it a second time."""
    why = oversize(parameters, twice)
    assert (why is None) == fits
    if why is not None:
        assert re.fullmatch(rf"has {parameters:,} parameters: (1\.99|2\.01) GiB as .* holds less than 2 GiB", why)


@pytest.mark.parametrize("model", [Linear(), Mlp((16,)), Cnn((16, 32), 64)])
def test_every_model_exports_with_parity(model: Model) -> None:
    module = build(model)
    artefact = export_onnx(module, DIGITS)
    assert prove_parity(artefact, module, SOME, 1) <= 1e-4


def test_of_large_samples_fewer_are_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(300)
    material = Material(DIGITS, Rows(rows, rows, rows, rows), torch.empty(0), torch.empty(0))
    assert export_proven(build(Linear()), material, 1)[1][0] == 300
    monkeypatch.setattr("limbeck_trainer.exporting.EVALUATION_CELLS", 7 * 64)
    assert export_proven(build(Linear()), material, 1)[1][0] == 7


def test_of_many_classes_fewer_are_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, classes = np.arange(300), tuple(map(str, range(128)))
    material = Material(replace(DIGITS, labels=classes), Rows(rows, rows, rows, rows), torch.empty(0), torch.empty(0))
    monkeypatch.setattr("limbeck_trainer.exporting.EVALUATION_CELLS", 6 * 128)
    model = build_model(Linear(), normalisation_of(DIGITS.x), (1, 8, 8), 128)
    assert export_proven(model, material, 1)[1][0] == 6


def test_the_file_keeps_its_promises() -> None:
    module = build(Cnn((4,), 8))
    artefact = export_onnx(module, DIGITS)
    proto = onnx.load_model_from_string(artefact.content)
    onnx.checker.check_model(proto)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert proto.ir_version <= 10
    session = onnxruntime.InferenceSession(artefact.content, providers=["CPUExecutionProvider"])
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, given.type) == ("input", ["batch", 1, 8, 8], "tensor(float)")
    assert (answer.name, answer.shape) == ("logits", ["batch", 10])
    for size in (1, 2, 7):
        raw = SOME[:size]
        expected = module(torch.from_numpy(raw)).detach().numpy()
        np.testing.assert_allclose(session.run(None, {"input": raw})[0], expected, atol=1e-5)


class Mean(nn.Module):
    """Of the embeddings of all tokens, of which the exporter takes the number for a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """[b, t] -> [b, 3]."""
        states: torch.Tensor = self.table(tokens.long())
        return states.sum(1) / int(tokens.shape[1])


@pytest.mark.parametrize("context", [2, 3, 4, 24])
@pytest.mark.parametrize("ours", [True, False])
def test_a_text_may_have_any_number_of_tokens_or_it_is_no_export(context: int, ours: bool) -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(1).integers(0, 9, (20, context)).astype(np.int32)
    tokens = Tokens(9, context, 8, 8, {})
    texts = Dataset(x, np.arange(20) % 3, ("a", "b", "c"), "0", tokens=tokens)
    model = Encoder(Transformer(2, 2, 16, context), tokens, 3) if ours else Mean()
    rows = np.arange(20)
    material = Material(texts, Rows(rows, rows, rows, rows), torch.empty(0), torch.empty(0))
    if not ours and context > 2:
        with pytest.raises(TrainerError, match="differs from the trained one"):
            export_proven(model, material, 1)
        return
    artefact, _ = export_proven(model, material, 1)
    session = onnxruntime.InferenceSession(artefact.content)
    for length in range(1, context + 1) if ours else ():
        some = torch.from_numpy(x[:5, :length]).long()
        expected = model(some).detach().numpy()
        np.testing.assert_allclose(session.run(None, {"input_ids": some.numpy()})[0], expected, atol=1e-4)


def test_the_baseline_is_the_mean_of_each_channel() -> None:
    (mean,) = export_onnx(build(Linear()), DIGITS).members["baseline"]  # type: ignore[misc]
    assert mean == pytest.approx(float(DIGITS.x.mean()), rel=1e-5)


def test_the_baseline_of_a_column_is_its_mean_and_of_a_category_none() -> None:
    features = (Feature("age"), Feature("colour", ("blue", "red")))
    x = np.array([[1, 0], [3, 1], [np.nan, 0], [5, 1]], dtype=np.float32)
    table = Dataset(x, np.array([0, 1, 0, 1]), ("a", "b"), "0" * 64, features)
    module = assemble(Linear(), table, np.arange(3))
    assert baseline_of(module, table) == [2.0, None]


def test_the_same_weights_give_the_same_digest() -> None:
    assert export_onnx(build(Mlp((8,))), DIGITS).sha256 == export_onnx(build(Mlp((8,))), DIGITS).sha256


@pytest.mark.parametrize("error", [2e-4, float("nan")])
def test_a_difference_is_parity_broken(error: float) -> None:
    module = build(Mlp((8,)))
    artefact = export_onnx(module, DIGITS)
    with torch.no_grad():
        next(reversed(list(module.parameters())))[3] += error
    with pytest.raises(TrainerError, match="differs from the trained one") as caught:
        prove_parity(artefact, module, SOME, 1)
    assert caught.value.reason is Reason.PARITY_BROKEN


@pytest.mark.parametrize(("gap", "flips"), [(2e-5, False), (1.6e-4, True)])
def test_a_tie_is_no_decision(gap: float, flips: bool) -> None:
    """Two classes are as good as equal everywhere, and the exported model puts the other one first."""
    module = build(Mlp((8,)))
    last = module[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight[4] = last.weight[3]
        last.bias[3], last.bias[4] = 20.0, 20.00002
    artefact = export_onnx(module, DIGITS)
    with torch.no_grad():
        last.bias[3] += gap / 2 + 1e-5
        last.bias[4] -= gap / 2 + 1e-5
    if not flips:
        assert prove_parity(artefact, module, SOME, 1) <= 1e-4
        return
    with pytest.raises(TrainerError, match="in 300 of 300 decisions"):
        prove_parity(artefact, module, SOME, 1)


# One step of float32 is 0.0078 here, more than 1e-4 of a deviation of 35.
PRESSURE = np.float32(101325)
PASCAL = (101325.0, 35.0)


@pytest.mark.parametrize(
    ("actual", "expected", "spread", "matters"),
    [
        ([[1.0, 0.99991]], [[1.0, 1.0]], STANDARD, False),
        ([[1.0, 0.99989]], [[1.0, 1.0]], STANDARD, True),
        ([[20.0, 19.99989]], [[20.0, 20.0]], STANDARD, True),
        ([[np.nextafter(PRESSURE, np.float32(0))]], [[PRESSURE]], PASCAL, False),
        ([[PRESSURE - np.float32(0.03)]], [[PRESSURE]], PASCAL, True),
        # A prediction that is far from the mean is a sum as large.
        ([[2e6 + 2]], [[2e6]], PASCAL, False),
        ([[2e6 + 10]], [[2e6]], PASCAL, True),
        # The small output of a row is a sum, too, in which parts as large as the other output may have cancelled out.
        ([[40000.0, 3.0039]], [[40000.0, 3.0]], STANDARD, False),
        ([[40000.0, 3.5]], [[40000.0, 3.0]], STANDARD, True),
        # How large another row is does not count.
        ([[40000.0, 3.0], [1.0, 3.0039]], [[40000.0, 3.0], [1.0, 3.0]], STANDARD, True),
        ([[40000.0, 40000.004]], [[40000.004, 40000.0]], STANDARD, False),
        ([[1.0, np.nan]], [[1.0, 1.0]], STANDARD, True),
    ],
)
def test_a_difference_matters_beyond_the_bound_and_what_float32_can_tell(
    actual: list[list[float]], expected: list[list[float]], spread: Spread, matters: bool
) -> None:
    found = difference_of(np.array(actual, np.float32), np.array(expected, np.float32), spread)
    assert (found.matters, found.severity > 1) == (matters, matters)


def test_a_target_far_from_zero_is_proven_as_finely_as_float32_has_it() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(4000, 4)).astype(np.float32)
    table = Dataset(x, random.normal(101325, 35, 4000).astype(np.float32), (), "0")
    torch.manual_seed(0)
    module = assemble(Mlp((64,)), table, np.arange(4000))
    artefact = export_onnx(module, table)
    spread = target_spread(table, np.arange(4000))
    assert prove_parity(artefact, module, x, 1, spread) <= 0.0242
    assert isinstance(module, nn.Sequential)
    last = module[-2]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias += 0.002
    with pytest.raises(TrainerError, match=r"differs from the trained one by 0.0\d+ \(at most 0.0242\)"):
        prove_parity(artefact, module, x, 1, spread)


def test_extreme_samples_are_proven_as_finely_as_float32_has_their_logits() -> None:
    x = np.random.default_rng(1).normal(size=(600, 300)).astype(np.float32)
    table = Dataset(x, np.arange(600) % 3, ("a", "b", "c"), "0")
    torch.manual_seed(0)
    module = assemble(Mlp((256, 64)), table, np.arange(600))
    x[:20, 3] = 1e5
    artefact = export_onnx(module, table)
    prove_parity(artefact, module, x, 1)
    assert isinstance(module, nn.Sequential)
    last = module[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias[0] += 2e-4
    # In the other rows as ever.
    with pytest.raises(TrainerError, match=r"differs from the trained one by 0.0002 \(at most 0.0001\)"):
        prove_parity(artefact, module, x[20:], 1)
    with pytest.raises(TrainerError, match="differs from the trained one by"):
        prove_parity(artefact, module, x, 1)


def test_upload_writes_the_manifest_last(tmp_path: Path) -> None:
    written: list[str] = []

    class Remembering(Store):
        def put(self, uri: str, data: bytes, patience: object = None) -> None:
            written.append(uri.rsplit("/", 1)[1])
            super().put(uri, data)

    uri = upload(Remembering(), tmp_path.as_uri(), Artefact(b"onnx", "0", [], []), {"a": 1}, {"report.json": b"{}"})
    assert written == ["model.onnx", "report.json", "manifest.json"]
    assert json.loads(Path(urlsplit(uri).path, "manifest.json").read_text()) == {"a": 1}


EXPORTED = Artefact(b"onnx", "5e", [], [], files={"tokenizer.json": b"{}"})


@pytest.mark.parametrize(
    ("artefact", "manifest", "report"),
    [
        (EXPORTED, {"labels": ["no", "yes"]}, b"{}"),
        (EXPORTED, {"labels": ["0", "1"]}, b"[]"),
        (replace(EXPORTED, files={"tokenizer.json": b"[]"}), {"labels": ["0", "1"]}, b"{}"),
        (replace(EXPORTED, files={}), {"labels": ["0", "1"]}, b"{}"),
    ],
    ids=["manifest", "report", "another tokenizer", "no tokenizer"],
)
def test_whatever_lies_beside_the_model_decides_about_the_folder(
    tmp_path: Path, artefact: Artefact, manifest: dict[str, object], report: bytes
) -> None:
    models = tmp_path.as_uri()
    first, again = (upload(Store(), models, EXPORTED, {"labels": ["0", "1"]}, {"report.json": b"{}"}) for _ in "ab")
    assert re.fullmatch(rf"{re.escape(models)}/5e/[0-9a-f]{{16}}", first)
    assert again == first != upload(Store(), models, artefact, manifest, {"report.json": report})


def test_a_table_exports_too() -> None:
    x = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    table = Dataset(x, np.arange(20) % 2, ("0", "1"), "0")
    module = build_model(Mlp((4,)), normalisation_of(x), (5,), 2)
    artefact = export_onnx(module, table)
    assert artefact.inputs == [{"name": "input", "datatype": "FP32", "shape": [-1, 5]}]
    prove_parity(artefact, module, x, 1)
