"""Distillation: a teacher that only has to be an ONNX artefact, checked to speak of the same classes and inputs.

Its logits over all rows are taken once. The student learns from them and from the labels that there are; the control
student has the same seed and the same number of steps, and the labels alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.config import Distillation, Response
from limbeck_trainer.data import Dataset, Floats, Rows
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.losses import Response as ResponseLoss
from limbeck_trainer.onnx_model import OnnxModel
from limbeck_trainer.out_of_memory import is_out_of_memory
from limbeck_trainer.reading.spelling import digits_of
from limbeck_trainer.scratch import Scratch, room_for
from limbeck_trainer.store import Store

LOGITS, SIZE = "logits.npy", "size"


@dataclass(frozen=True)
class Teacher:
    """logits: float32 [n, classes] for every row of the data set."""

    logits: Floats
    size_bytes: int


def load_teacher(
    distillation: Distillation, dataset: Dataset, store: Store, scratch: Scratch, threads: int | None
) -> Teacher:
    """Fetches, checks and asks the teacher, once in a pod; TeacherMissing or TeacherMismatch says what is wrong."""
    if not scratch.common:
        return _ask(distillation, dataset, store, threads)

    def write(folder: Path) -> None:
        teacher = _ask(distillation, dataset, store, threads)
        with room_for("the teacher's answers"):
            np.save(folder / LOGITS, teacher.logits)
            (folder / SIZE).write_text(str(teacher.size_bytes))

    folder = scratch.once("teacher", write)
    return Teacher(np.load(folder / LOGITS, mmap_mode="c"), int((folder / SIZE).read_text()))


def _ask(distillation: Distillation, dataset: Dataset, store: Store, threads: int | None) -> Teacher:
    uri = distillation.teacher_uri
    content = _fetch(store, f"{uri}/model.onnx")
    digest = hashlib.sha256(content).hexdigest()
    if digest != distillation.teacher_sha256:
        _mismatch(f"{uri}/model.onnx has the sha256 {digest}, not {distillation.teacher_sha256}. It was changed.")
    try:
        what = "loaded"
        manifest, model = _object(_fetch(store, f"{uri}/manifest.json")), OnnxModel(content, threads)
        _check(uri, manifest, model, dataset)
        what = "asked"
        # Of a fixed size it takes one by one.
        logits = model.run(dataset.x) if model.input_shape[0] == -1 else model.run(dataset.x, 1)
    except Exception as error:
        if isinstance(error, TrainerError) or is_out_of_memory(error):
            raise
        _mismatch(f"The teacher {uri} cannot be {what}: {str(error).rstrip('.')}.")
    if logits.shape != (len(dataset.x), len(dataset.labels)) or not np.isfinite(logits).all():
        _mismatch(f"The teacher {uri} answers {list(logits.shape)} for {len(dataset.x)} samples, or not finitely.")
    return Teacher(logits.astype(np.float32, copy=False), len(content))


def _object(content: bytes) -> dict[str, Any]:
    manifest = json.loads(content)
    if not isinstance(manifest, dict):
        raise ValueError("its manifest.json is no JSON object")
    return manifest


def distillation_loss(method: Response, teacher: Teacher, y: torch.Tensor, rows: Rows) -> ResponseLoss:
    """The student's criterion on y's device."""
    labelled = torch.zeros(len(y), dtype=torch.bool)
    labelled[torch.from_numpy(rows.labelled)] = True
    # Nothing is learnt from these. Early stopping judges the loss that is lowered, and not the teacher's part alone.
    labelled[torch.from_numpy(rows.validation)] = True
    logits = torch.from_numpy(teacher.logits).to(y.device)
    return ResponseLoss(logits, y, labelled.to(y.device), method.temperature, method.alpha)


def _fetch(store: Store, uri: str) -> bytes:
    try:
        return store.get(uri)
    except ObjectMissing as error:
        message = f"The teacher's {uri} does not exist. Wait for its training, or correct the teacher."
        raise TrainerError(Reason.TEACHER_MISSING, message) from error


def _check(uri: str, manifest: dict[str, Any], model: OnnxModel, dataset: Dataset) -> None:
    """Classes, labels and input shape must be those of the data set: logits of other things teach nonsense."""
    if not _fits(model.input_shape, (-1, *dataset.shape)) or model.input_shape[0] not in (-1, 1):
        _mismatch(f"The teacher {uri} takes {list(model.input_shape)}; the samples are {[-1, *dataset.shape]}.")
    classes = len(dataset.labels)
    if not _fits(model.output_shape, (-1, classes)):
        _mismatch(f"The teacher {uri} answers {list(model.output_shape)}; the data has {classes} classes.")
    labels = manifest.get("labels")
    if labels is not None and _written(labels) != _written(list(dataset.labels)):
        _mismatch(f"The teacher {uri} has the labels {labels}; the data has {list(dataset.labels)}.")


def _written(labels: object) -> object:
    """A teacher of older data, or of an older trainer, may say 3.0 for 3."""
    return [digits_of(it) if isinstance(it, str) else it for it in labels] if isinstance(labels, list) else labels


def _fits(declared: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether shapes agree where both are fixed; -1 is a dynamic axis."""
    same_rank = len(declared) == len(wanted)
    return same_rank and all(a == b or -1 in (a, b) for a, b in zip(declared, wanted, strict=True))


def _mismatch(message: str) -> NoReturn:
    remedy = "Choose a teacher that was trained on the same kind of data."
    raise TrainerError(Reason.TEACHER_MISMATCH, f"{message} {remedy}")
