"""What to do: config.json, parsed once. The shape is the contract crds/contracts/trainer-config.schema.json.

One thing is wider than the contract: a `file://` URI is as good as `s3://`, for a laptop without a store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass, replace
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from limbeck_trainer.data_config import SHA256, URI, Data, as_told, data_of
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation_config import ClassMetric, read_class_metrics
from limbeck_trainer.fields import POSITIVE, Bounds, Fields
from limbeck_trainer.json_text import json_text
from limbeck_trainer.model_config import Model, model_of
from limbeck_trainer.optimization import Optimization, parse_optimization

TASKS = ("classification", "regression", "causalLM")


@dataclass(frozen=True)
class Run:
    """Which run this is; `attempt` counts from 1."""

    namespace: str
    name: str
    uid: str
    attempt: int


@dataclass(frozen=True)
class Response:
    """Distillation by the teacher's softened outputs; `alpha` is the weight of the teacher's term."""

    temperature: float
    alpha: float


@dataclass(frozen=True)
class Distillation:
    """The teacher's artefact, the method, and whether the same student is also trained without the teacher."""

    teacher_uri: str
    teacher_sha256: str
    method: Response
    control: bool


@dataclass(frozen=True)
class Config:
    """All a trainer is told, the same for every rank."""

    run: Run
    run_uri: str
    models_uri: str
    task: str
    model: Model
    data: Data
    optimization: Optimization
    # auto, ddp or fsdp.
    strategy: str
    checkpoint_seconds: int
    checkpoint_keep: int
    distillation: Distillation | None
    class_metrics: tuple[ClassMetric, ...]
    progress_port: int

    @property
    def course(self) -> dict[str, object]:
        """What decides the course of the training, every hyper-parameter among it, as JSON; for everybody to see."""
        return replace(self, data=as_told(self.data))._course(asdict)

    @property
    def course_sha256(self) -> str:
        """Digest of the course, as JSON with sorted keys."""
        return _digest(self.course)

    @property
    def fingerprint(self) -> str:
        """Digest of what was chosen of the course: a checkpoint of another one is never resumed.

        What has its default is left out, so that a release that brings a new setting does not part a run that goes on
        from its checkpoints. So a new field has a default, with which all is as before, and no default ever changes.
        """
        return _digest(self._course(_chosen))

    def _course(self, as_json: Callable[[Any], dict[str, object]]) -> dict[str, object]:
        model = {"kind": type(self.model).__name__.lower(), **as_json(self.model)}
        # In which numbers it is served comes after all of it.
        model.pop("weights", None)
        return {
            "model": model,
            "data": as_json(self.data),
            "optimization": as_json(self.optimization),
            "distillation": as_json(self.distillation) if self.distillation else None,
        }


def _chosen(part: Any) -> dict[str, object]:
    """A part of the config as JSON, without what has its default."""
    values = {field.name: (getattr(part, field.name), field.default) for field in fields_of(part)}
    chosen = {name: value for name, (value, default) in values.items() if value != default}
    return {name: _chosen(value) if is_dataclass(value) else value for name, value in chosen.items()}


def _digest(document: dict[str, object]) -> str:
    return hashlib.sha256(json_text(document, sort_keys=True).encode()).hexdigest()


def read_config(path: Path) -> Config:
    """Reads and checks the config file; every mistake is named in one ConfigInvalid."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainerError(Reason.CONFIG_INVALID, f"The config {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise TrainerError(Reason.CONFIG_INVALID, f"The config {path} is not JSON: {error}.") from error
    return parse_config(document)


def parse_config(document: object) -> Config:
    """JSON of the contract to Config."""
    if not isinstance(document, dict):
        raise TrainerError(Reason.CONFIG_INVALID, "The config must be a JSON object.")
    problems: list[str] = []
    config = _config(Fields("", document, problems))
    if problems:
        raise TrainerError(Reason.CONFIG_INVALID, f"The config is not valid: {'; '.join(problems)}.")
    return config


def _config(root: Fields) -> Config:
    root.choice("contractVersion", ["v1"])
    task = root.choice("task", TASKS)
    store, checkpoint = root.child("store"), root.child("checkpoint")
    config = Config(
        run=_run(root.child("run")),
        run_uri=store.text("runUri", URI).rstrip("/"),
        models_uri=store.text("modelsUri", URI).rstrip("/"),
        task=task,
        model=model_of(root.child("model"), task),
        data=data_of(root.child("data"), task),
        optimization=parse_optimization(root.child("optimization")),
        strategy=_strategy(root.child("distribution")) if root.has("distribution") else "auto",
        checkpoint_seconds=checkpoint.integer("everySeconds", POSITIVE),
        checkpoint_keep=checkpoint.integer("keep", POSITIVE),
        distillation=_distillation(root.child("distillation")) if root.has("distillation") else None,
        class_metrics=read_class_metrics(root.child("evaluation")) if root.has("evaluation") else (),
        progress_port=root.integer("progressPort", Bounds(1, 65535)),
    )
    for fields in (root, store, checkpoint):
        fields.close()
    return config


def _run(fields: Fields) -> Run:
    run = Run(fields.text("namespace"), fields.text("name"), fields.text("uid"), fields.integer("attempt", POSITIVE))
    fields.close()
    return run


def _strategy(fields: Fields) -> str:
    strategy = fields.choice("strategy", ["auto", "ddp", "fsdp"])
    fields.close()
    return strategy


def _distillation(fields: Fields) -> Distillation:
    teacher, method = fields.child("teacher"), fields.child("method")
    method.choice("kind", ["response"])
    distillation = Distillation(
        teacher_uri=teacher.text("uri", URI).rstrip("/"),
        teacher_sha256=teacher.text("sha256", SHA256),
        method=Response(method.number("temperature", Bounds(above=0)), method.number("alpha", Bounds(0, 1))),
        control=fields.flag("control"),
    )
    for part in (fields, teacher, method):
        part.close()
    return distillation
