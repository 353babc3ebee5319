"""The artefact: an ONNX file proven equal to what was evaluated, its manifest and its report, under its own digest.

<modelsUri>/<sha256 of model.onnx>/{model.onnx, report.json, report.html, manifest.json}, and of a language model the
tokenizer's files; the manifest is written last.
"""

from __future__ import annotations

import hashlib
import inspect
import io
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
from limbeck_trainer.samples import Dataset, Floats
from limbeck_trainer.store import Store

OPSET = 17
# Absolute, on logits.
PARITY_BOUND = 1e-4

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
        example, axes = example.long(), {name: {0: "batch", 1: "tokens"}, output: {0: "batch"}}
    content = to_onnx(model.cpu().eval(), (example,), [name], [output], axes)
    return Artefact(
        content,
        hashlib.sha256(content).hexdigest(),
        [{"name": name, "datatype": datatype, "shape": shape}],
        [{"name": output, "datatype": "FP32", "shape": [-1, dataset.outputs]}],
        members={"baseline": baseline_of(model, dataset)},
        files={} if dataset.tokens is None else dataset.tokens.files,
    )


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


def prove_parity(artefact: Artefact, model: nn.Module, x: Floats, threads: int | None, scale: float = 1.0) -> float:
    """The largest difference of an output over x, one by one and many at once; ParityBroken if it is one that matters.

    `scale` is how large a difference of 1 is for the task: the deviation of a regression's target.
    """
    samples = torch.from_numpy(x)
    expected, many = predict(model, samples).numpy(), min(len(x), most_of(samples))
    session = OnnxModel(artefact.content, threads)
    deltas = [_delta(session.run(x, batch), expected, batch, scale) for batch in (1, many)]
    return max(deltas)


def upload(
    store: Store, uri: str, artefact: Artefact, manifest: dict[str, object], reports: Mapping[str, bytes]
) -> None:
    """Writes the artefact's folder; whoever sees the manifest sees all of it."""
    files = {"model.onnx": artefact.content, **artefact.files, **reports, "manifest.json": json_file(manifest)}
    for name, content in files.items():
        store.put(f"{uri}/{name}", content)


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


def _delta(actual: Floats, expected: Floats, batch: int, scale: float) -> float:
    delta = float(np.abs(actual - expected).max())
    flips = flips_of(actual, expected, PARITY_BOUND * scale)
    if not delta <= PARITY_BOUND * scale or flips > 0:
        message = (
            f"The exported model differs from the trained one by {delta:.3g} (at most {PARITY_BOUND * scale:g}) and in "
            f"{flips} of {len(expected)} decisions at batch size {batch}. Nothing was uploaded; the export is at fault."
        )
        raise TrainerError(Reason.PARITY_BROKEN, message)
    return delta


def flips_of(actual: Floats, expected: Floats, bound: float) -> int:
    """In how many rows of [n, m] another output is the largest than is expected.

    A tie is no decision: where the model itself prefers one by no more than `bound`, a difference that does not matter
    decides between them.
    """
    chosen = np.take_along_axis(expected, actual.argmax(axis=1)[:, None], axis=1)[:, 0]
    return int((expected.max(axis=1) - chosen > bound).sum())
