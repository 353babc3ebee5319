"""The trained model as ONNX, proven on held-out samples; which exporter and which proof, the kind of model decides."""

from __future__ import annotations

import math

import numpy as np
from torch import nn

from limbeck_trainer.evaluation.language import Language
from limbeck_trainer.evaluation.outputs import EVALUATION_CELLS
from limbeck_trainer.evaluation.tasks import Evaluation
from limbeck_trainer.export import Artefact, export_onnx, prove_parity
from limbeck_trainer.model_config import Model, Pretrained, Transformer
from limbeck_trainer.preprocess import target_spread
from limbeck_trainer.samples import Dataset, Floats
from limbeck_trainer.session import Material

# The first rows of the held-out split, on which the exported model must say what the trained one says.
PARITY_SAMPLES = 4096
# Tensors of a decoder's cache: as many as it has layers, and the manifest says it once for all of them.
CACHE = ("past.", "new.")

# How many decisions were compared, and the largest difference of an output.
Proof = tuple[int, float]


def export_proven(model: nn.Module, material: Material, threads: int | None) -> tuple[Artefact, Proof]:
    """What may be uploaded; ParityBroken where the exported model says something else than the trained one."""
    dataset, test = material.dataset, material.rows.test
    if dataset.tokens is not None and not dataset.labels:
        from limbeck_trainer.causal_model import CausalModel
        from limbeck_trainer.decoder_export import PARITY_WINDOWS, export_decoder, prove_decoder

        assert isinstance(model, CausalModel)
        artefact = export_decoder(model, dataset)
        return artefact, prove_decoder(artefact, model, dataset.x[test[:PARITY_WINDOWS]], threads)
    artefact = export_onnx(model, dataset)
    # Of large samples, or of many classes, fewer: samples and answers are in memory together.
    most = max(1, min(PARITY_SAMPLES, EVALUATION_CELLS // max(math.prod(dataset.shape), dataset.outputs)))
    samples = dataset.x[test[:most]]
    spread = target_spread(dataset, material.rows.train)
    deltas = [prove_parity(artefact, model, part, threads, spread) for part in _of_lengths(dataset, samples)]
    return artefact, (len(samples), max(deltas))


def _of_lengths(dataset: Dataset, samples: Floats) -> list[Floats]:
    """The samples and, of texts, their beginnings: a caller may give any number of tokens."""
    if dataset.tokens is None:
        return [samples]
    context = dataset.tokens.context_length
    return [samples[:, :length] for length in sorted({context, max(2, context // 3)})]


def as_served(
    artefact: Artefact, trained: Evaluation, material: Material, model: Model, threads: int | None
) -> tuple[Artefact, Evaluation]:
    """In the numbers that are served best, and the figures of that: of a decoder these may be others than it was proven
    in, and than the trained model was measured in."""
    if not isinstance(trained, Language):
        return artefact, trained
    from limbeck_trainer.decoder_export import PARITY_WINDOWS
    from limbeck_trainer.served_weights import served

    assert isinstance(model, Transformer | Pretrained)
    # Evenly taken: the first ones may be of one document.
    test = material.rows.test
    rows = test[np.unique(np.linspace(0, len(test) - 1, PARITY_WINDOWS).round().astype(np.int64))]
    return served(artefact, model.weights, material.dataset.x[rows], material.dataset.y[rows], threads).judged(trained)


def described(artefact: Artefact, uri: str) -> dict[str, object]:
    """The result's artefact. The termination message has no room for the cache of a decoder of many layers."""
    return {
        "uri": uri,
        "sha256": artefact.sha256,
        "sizeBytes": len(artefact.content),
        "inputs": [tensor for tensor in artefact.inputs if not tensor["name"].startswith(CACHE)],
        "outputs": [tensor for tensor in artefact.outputs if not tensor["name"].startswith(CACHE)],
        "report": f"{uri}/report.html",
    }
