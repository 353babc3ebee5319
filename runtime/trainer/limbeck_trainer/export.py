"""The artefact: an ONNX file proven equal to what was evaluated, its manifest and its report, under its own digest.

<modelsUri>/<sha256 of model.onnx>/<digits of all else>/{model.onnx, report.json, report.html, manifest.json}, and of a
language model the tokenizer's files; the manifest is written last.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.outputs import most_of, predict
from limbeck_trainer.json_text import json_file
from limbeck_trainer.models import Normalise
from limbeck_trainer.native_noise import without_schema_noise
from limbeck_trainer.onnx_model import OnnxModel
from limbeck_trainer.samples import Dataset, Doubles, Floats
from limbeck_trainer.store import Store

OPSET = 17
# Absolute, on logits, as long as float32 tells them apart so finely.
PARITY_BOUND = 1e-4
# Steps of float32, each of 1.2e-7 of a number, by which sums of several layers in another order may differ, and the
# last rounding. Of samples with an extreme value, 21 were seen with three layers of 512.
STEP = float(np.finfo(np.float32).eps)
STEPS_OF_SUMS, STEPS_OF_OUTPUTS = 32, 2
# A model file is one message of protocol buffers, less than 2 GiB; the graph itself takes little of that.
MOST_BYTES = 2**31 - 2**24
BYTES_PER_NUMBER = 4

# Mean and deviation of what is answered: those of a regression's target, and of all else nothing and 1.
Spread = tuple[float, float]
STANDARD: Spread = (0.0, 1.0)
# Of the digest of what lies beside model.onnx, in the name of the folder.
DIGITS = 16
# Tensor -> axis -> its name.
Axes = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True)
class Artefact:
    """The ONNX bytes, their digest, the tensors as the Open Inference Protocol names them, what else the manifest says
    of the graph, and the files that lie beside it."""

    content: bytes
    sha256: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    members: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def oversize(parameters: int, twice: int = 0) -> str | None:
    """Why so many numbers, of which `twice` are in the graph a second time, are no model file; None if they may be."""
    needed = BYTES_PER_NUMBER * (parameters + twice)
    if needed <= MOST_BYTES:
        return None
    what = f"has {parameters:,} parameters: {needed / 2**30:.2f} GiB as an exported model"
    return f"{what}. A model file holds less than 2 GiB"


def export_onnx(model: nn.Module, dataset: Dataset) -> Artefact:
    """Raw samples in (`input`), `logits` out or, for a regression, `prediction`; any batch size.

    Of texts `input_ids` come in, padded to any length up to the context's.
    """
    output = "logits" if dataset.labels else "prediction"
    name, datatype, shape = "input", "FP32", [-1, *dataset.shape]
    example = torch.from_numpy(dataset.x[:2])
    axes = {name: {0: "batch"}, output: {0: "batch"}}
    if dataset.tokens is not None:
        name, datatype, shape = "input_ids", "INT64", [-1, -1]
        example = example[:, : _traced(dataset.tokens.context_length)].long()
        axes = {name: {0: "batch", 1: "tokens"}, output: {0: "batch"}}
    content = to_onnx(model.cpu().eval(), (example,), [name], [output], axes)
    return Artefact(
        content,
        hashlib.sha256(content).hexdigest(),
        [{"name": name, "datatype": datatype, "shape": shape}],
        [{"name": output, "datatype": "FP32", "shape": [-1, dataset.outputs]}],
        members={"baseline": baseline_of(model, dataset)},
        files={} if dataset.tokens is None else dataset.tokens.files,
    )


def _traced(context: int) -> int:
    """How many tokens each row of the example has: neither as many as there are rows, nor as will be given most often.

    Either way what was taken for a constant would show in the proof.
    """
    return context // 2 + 1 if context > 3 else context


def baseline_of(model: nn.Module, dataset: Dataset) -> list[float | int | None]:
    """An input that says nothing, against which answers are explained: the mean of the training data for each column or
    channel, no category (null), and for a text the token that fills rows."""
    if dataset.tokens is not None:
        return [dataset.tokens.padding]
    means = next((part.mean.flatten().tolist() for part in model.modules() if isinstance(part, Normalise)), [0.0])
    categories = {index for index, feature in enumerate(dataset.features) if feature.categories}
    return [None if index in categories else mean for index, mean in enumerate(means)]


def to_onnx(model: nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str], axes: Axes) -> bytes:
    """The model traced on the example; `axes` names, for each tensor, the axes of any size."""
    buffer = io.BytesIO()
    # torch 2.9 made the other exporter the default, which ignores dynamic_axes; older ones do not know the argument.
    legacy: dict[str, Any] = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), without_schema_noise():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            example,
            buffer,  # type: ignore[arg-type]
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            **legacy,
        )
    return buffer.getvalue()


def prove_parity(
    artefact: Artefact, model: nn.Module, x: Floats, threads: int | None, spread: Spread = STANDARD
) -> float:
    """The largest difference of an output over x, one by one and many at once; ParityBroken if one of them matters."""
    samples = torch.from_numpy(x)
    expected, many = predict(model, samples).numpy(), min(len(x), most_of(samples))
    session = OnnxModel(artefact.content, threads)
    deltas = [_delta(session.run(x, batch), expected, batch, spread) for batch in (1, many)]
    return max(deltas)


def upload(
    store: Store, models_uri: str, artefact: Artefact, manifest: dict[str, object], reports: Mapping[str, bytes]
) -> str:
    """Writes the artefact's folder, and returns its URI; whoever sees the manifest sees all of it.

    Of equal weights others may be made from other labels or columns, which model.onnx has not: a folder is named by all
    that is in it, so that nobody ever changes another's, and an attempt that is repeated writes the same again.
    """
    beside = {**artefact.files, **reports, "manifest.json": json_file(manifest)}
    uri = f"{models_uri}/{artefact.sha256}/{_digest(beside)[:DIGITS]}"
    for name, content in {"model.onnx": artefact.content, **beside}.items():
        store.put(f"{uri}/{name}", content)
    return uri


def _digest(files: Mapping[str, bytes]) -> str:
    """Of their names and contents."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def manifest_of(
    artefact: Artefact, task: str, dataset: Dataset, metrics: dict[str, object], lineage: dict[str, object]
) -> dict[str, object]:
    """manifest.json by its contract (model-manifest.schema.json)."""
    return {
        "manifestVersion": "v1",
        "sha256": artefact.sha256,
        "sizeBytes": len(artefact.content),
        "opset": OPSET,
        "task": task,
        "inputs": artefact.inputs,
        "outputs": artefact.outputs,
        **({"labels": list(dataset.labels)} if dataset.labels else {}),
        **({"preprocessing": dict(dataset.preprocessing)} if dataset.preprocessing else {}),
        **artefact.members,
        "metrics": metrics,
        "lineage": lineage,
    }


def _delta(actual: Floats, expected: Floats, batch: int, spread: Spread) -> float:
    found = difference_of(actual, expected, spread)
    if found.matters:
        message = (
            f"The exported model differs from the trained one by {found.delta:.3g} (at most {found.bound:.3g}) and in "
            f"{found.flips} of {len(expected)} decisions at batch size {batch}. "
            "Nothing was uploaded; the export is at fault."
        )
        raise TrainerError(Reason.PARITY_BROKEN, message)
    return found.largest


@dataclass(frozen=True)
class Difference:
    """Between outputs and what is expected of them: `largest` of all; `delta` and `bound` of the row that is nearest
    its bound, or beyond it; `flips`, in how many rows another output is the largest."""

    largest: float
    delta: float
    bound: float
    flips: int

    @property
    def severity(self) -> float:
        """As a multiple of what does not matter; nothing is worse than what is no number."""
        return math.inf if math.isnan(self.delta) else self.delta / self.bound

    @property
    def matters(self) -> bool:
        """Whether the one model cannot stand for the other."""
        return self.severity > 1 or self.flips > 0


def difference_of(actual: Floats, expected: Floats, spread: Spread = STANDARD) -> Difference:
    """Of [n, m]. A row may differ by PARITY_BOUND or, where its outputs are too large for float32 to be so fine, by
    some steps of the largest, since each is a sum in which parts as large as another output may have cancelled out.

    A tie is no decision: where the model itself prefers an output by no more than the bound, a difference that does not
    matter decides.
    """
    deltas = np.abs(actual - expected).max(axis=1)
    bounds = _bounds(expected.astype(np.float64), *spread)
    chosen = np.take_along_axis(expected, actual.argmax(axis=1)[:, None], axis=1)[:, 0]
    flips = int((expected.max(axis=1) - chosen > bounds).sum())
    # Of what is no number argmax takes the first.
    worst = int((deltas / bounds).argmax())
    return Difference(float(deltas.max()), float(deltas[worst]), float(bounds[worst]), flips)


def _bounds(expected: Doubles, mean: float, deviation: float) -> Doubles:
    """What the layers sum up is standardised, and only then the mean is added."""
    sums, outputs = np.abs(expected - mean).max(axis=1), np.abs(expected).max(axis=1)
    steps = np.maximum(STEPS_OF_SUMS * sums, STEPS_OF_OUTPUTS * outputs)
    bounds: Doubles = np.maximum(PARITY_BOUND * deviation, STEP * steps)
    return bounds
