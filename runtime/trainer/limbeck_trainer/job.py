"""A run from config to result, in order: data, teacher, peers, training, evaluation, export.

What can be missing is looked for before the workers meet: each then says itself what it misses, and none of them
takes the other's end for a lost peer.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from limbeck_trainer.agreement import check_agreement
from limbeck_trainer.choosing import choose, shortage_here
from limbeck_trainer.config import Config
from limbeck_trainer.data import Dataset, Ints, Rows, load
from limbeck_trainer.distil import Teacher, distillation_loss, load_teacher
from limbeck_trainer.distributed import Peers, device_of
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.classification import Classification
from limbeck_trainer.evaluation.measure import metrics_document
from limbeck_trainer.evaluation.tasks import Evaluation
from limbeck_trainer.evaluation.wanted import check_labels, class_metric_document
from limbeck_trainer.export import manifest_of, upload
from limbeck_trainer.exporting import as_served, described, export_proven
from limbeck_trainer.json_text import json_file
from limbeck_trainer.loop import Training, material_of
from limbeck_trainer.losses import Criterion, cross_entropy, next_token, squared_error
from limbeck_trainer.measuring import Examined, Measured, measure
from limbeck_trainer.model_config import Pretrained
from limbeck_trainer.origins import check_origins, origins_of
from limbeck_trainer.plan import Plan
from limbeck_trainer.preprocess import target_spread
from limbeck_trainer.progress import Distribution
from limbeck_trainer.reading.mirror import bring
from limbeck_trainer.report.document import report_document
from limbeck_trainer.report.page import page_of
from limbeck_trainer.scaling import time_alone, unmeasured
from limbeck_trainer.session import Material, Session, Stage, Trained
from limbeck_trainer.strategy import Choice
from limbeck_trainer.stream_plan import StreamPlan
from limbeck_trainer.watchdog import heed_watchdog

if TYPE_CHECKING:
    from limbeck_trainer.pretrained.foundation import Foundation

# From SIGTERM to the end; Kubernetes grants 45 s. The last of them, SETTLE_SECONDS of loop.py, are the store's.
GRACE_SECONDS = 22
HEADLINE = ("accuracy", "macroRecall", "macroF1")


def run(session: Session, environment: Environment) -> dict[str, object] | None:
    """The whole run; rank 0 gets the result's document, the others None."""
    began = time.monotonic()
    _prepare_torch(session.config, environment)
    if environment.rank == 0:
        session.store.sweep(session.config.run_uri)
    foundation = _foundation(session, environment)
    dataset, rows = load(bring(session), session.config.model, session.store, session.scratch, foundation)
    check_labels(session.config.class_metrics, dataset.labels)
    _check_validation(session.config, rows)
    distillation = session.config.distillation
    teacher = None
    if distillation is not None:
        teacher = load_teacher(distillation, dataset, session.store, session.scratch, environment.threads)
    session.log.info("data loaded", samples=len(dataset.y), train=len(rows.train), test=len(rows.test))
    if environment.rank == 0:
        _check_begin(session, environment, dataset, rows)
    peers = Peers(environment)
    heed_watchdog(peers, session.interruption)
    session.log.info("workers met", worldSize=peers.world_size, device=str(peers.device))
    check_agreement(peers, dataset)
    session.interruption.grace_seconds = GRACE_SECONDS
    material = material_of(dataset, rows, peers.device)
    choice = choose(session, environment, peers, material)
    trained, control = _train(session, peers, material, teacher, choice)
    session.board.update(phase="evaluating")
    examined = Examined(trained.model, control.model if control else None, teacher.logits if teacher else None)
    measured = measure(session.config, peers, material, examined)
    if measured is None:
        session.log.info("worker finished")
        return None
    lineage = _lineage(session.config, environment, dataset)
    artefact, measured = _export(session, environment, material, (trained, measured), lineage)
    # A last checkpoint may still be on its way, and is of no use any more.
    session.store.sweep(session.config.run_uri)
    return {
        **_result(session.config, measured, dataset),
        "steps": sum(one.steps for one in (trained, control) if one is not None),
        **_told(session),
        **({"teacherSizeBytes": teacher.size_bytes} if teacher else {}),
        "artefact": artefact,
        "lineage": lineage,
        "seconds": round(time.monotonic() - began, 3),
    }


def _check_begin(session: Session, environment: Environment, dataset: Dataset, rows: Rows) -> None:
    """What rank 0 alone has to do with: the run's checkpoints, and the export."""
    check_origins(session.store, session.config.run_uri, origins_of(session.config.model, dataset))
    if dataset.foundation is not None:
        from limbeck_trainer.pretrained.rehearsal import rehearse

        rehearse(dataset, rows, environment.threads, session.log)


def _check_validation(config: Config, rows: Rows) -> None:
    """A split of few samples may leave none: without a loss nobody could tell when to stop."""
    if config.optimization.early_stopping is not None and len(rows.validation) == 0:
        message = (
            f"data.split.validation of {config.data.validation:g} leaves no sample for validation, which "
            "optimization.earlyStopping needs. Raise it, add samples, or leave earlyStopping out."
        )
        raise TrainerError(Reason.DATA_INVALID, message)


def _prepare_torch(config: Config, environment: Environment) -> None:
    if environment.threads is not None:
        torch.set_num_threads(environment.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Without it cuBLAS may add in another order each time; it is read when the first GPU is used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # It would also fill whatever is about to be overwritten.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(config.optimization.seed)


def _foundation(session: Session, environment: Environment) -> Foundation | None:
    """The pretrained model that the config names, if it names one."""
    config = session.config
    if not isinstance(config.model, Pretrained):
        return None
    from limbeck_trainer.pretrained.foundation import open_foundation

    short = shortage_here(config, environment, device_of(environment))
    foundation = open_foundation(config.model, config.task, session.store, session.scratch, short)
    about = {"modelType": foundation.config.model_type, "parameters": foundation.parameters}
    session.log.info("pretrained model read", **about, sha256=foundation.sha256)
    return foundation


def _train(
    session: Session, peers: Peers, material: Material, teacher: Teacher | None, choice: Choice
) -> tuple[Trained, Trained | None]:
    """The model and, where it is wanted, the control student."""
    config, rows = session.config, material.rows
    plan = _plan(config, material, rows.train, peers)
    steps = plan.steps_per_epoch * config.optimization.epochs
    with_control = config.distillation is not None and config.distillation.control
    trainings = 2 if with_control else 1
    name = "student" if config.distillation else "model"
    stage = Stage(name, plan, _criterion(config, material, teacher), choice.strategy, steps, plan.steps_per_epoch)
    stage = replace(stage, alone_seconds=_alone_seconds(session, peers, material, stage, choice))
    session.board.update(phase="training", steps=steps * trainings, epochs=config.optimization.epochs * trainings)
    trained = Training(session, peers, material, stage).run()
    if not with_control:
        return trained, None
    # The same budget of steps, spent on the labels alone.
    alone = _plan(config, material, rows.labelled, peers)
    stage = Stage("control", alone, cross_entropy(material.y), choice.strategy, steps, plan.steps_per_epoch, steps)
    return trained, Training(session, peers, material, stage).run()


def _alone_seconds(session: Session, peers: Peers, material: Material, stage: Stage, choice: Choice) -> float | None:
    """What a step takes one process; where that is not measured, the choice's reason says so and why."""
    if peers.world_size == 1:
        return None
    why_not = unmeasured(choice, stage, material, peers)
    if why_not is None:
        return time_alone(session, peers, material, stage)
    session.log.info("scaling is not measured", why=why_not)
    reason = f"{choice.why} Scaling is not measured: {why_not}."
    session.board.update(distribution=Distribution(choice.strategy, reason, peers.world_size, peers.device.type))
    return None


def _plan(config: Config, material: Material, rows: Ints, peers: Peers) -> Plan:
    size, seed, stream = config.optimization.batch_size, config.optimization.seed, material.dataset.stream
    if stream is None or stream.shards is None:
        return Plan(rows, size, seed)
    return StreamPlan(rows, size, seed, stream.shards.starts, stream.shards.window, peers.world_size)


def _criterion(config: Config, material: Material, teacher: Teacher | None) -> Criterion:
    if config.task == "causalLM":
        return next_token(material.y, torch.from_numpy(material.dataset.y.counts).to(material.y.device))
    if config.task == "regression":
        return squared_error(material.y, target_spread(material.dataset, material.rows.train)[1])
    if config.distillation is None or teacher is None:
        return cross_entropy(material.y)
    return distillation_loss(config.distillation.method, teacher, material.y, material.rows)


def _lineage(config: Config, environment: Environment, dataset: Dataset) -> dict[str, object]:
    teacher = {"teacherSha256": config.distillation.teacher_sha256} if config.distillation else {}
    return {
        "dataSha256": dataset.sha256,
        "configSha256": config.course_sha256,
        "splitSeed": config.data.split_seed,
        "seed": config.optimization.seed,
        "worldSize": environment.world_size,
        "torch": torch.__version__,
        **teacher,
        **origins_of(config.model, dataset),
    }


def _export(
    session: Session,
    environment: Environment,
    material: Material,
    outcome: tuple[Trained, Measured],
    lineage: dict[str, object],
) -> tuple[dict[str, object], Measured]:
    """Proves, then uploads; the result's artefact, and how that does."""
    session.board.update(phase="exporting")
    dataset = material.dataset
    trained, measured = outcome
    proven, (samples, delta) = export_proven(trained.model, material, environment.threads)
    session.log.info("parity proven", samples=samples, largestDelta=delta)
    artefact, judged = as_served(proven, measured.model, material, session.config.model, environment.threads)
    weights = {"weights": artefact.members["weights"]} if "weights" in artefact.members else {}
    measured = replace(measured, model=judged)
    session.log.info("artefact ready", sha256=artefact.sha256, **weights)
    extras = {
        "run": {"namespace": session.config.run.namespace, "name": session.config.run.name},
        "model": {"sha256": artefact.sha256, "sizeBytes": len(artefact.content)},
        "parity": {"samples": samples, "largestDelta": delta},
        **weights,
        "lineage": lineage,
    }
    report = report_document(dataset.labels, measured, trained.history, extras)
    metrics = metrics_document(measured.model.n, measured.model.metrics)
    reports = {"report.json": json_file(report), "report.html": page_of(report).encode()}
    whole = {**lineage, "config": session.config.course}
    manifest = manifest_of(artefact, session.config.task, dataset, metrics, whole)
    uri = upload(session.store, session.config.models_uri, artefact, manifest, reports)
    session.log.info("artefact uploaded", uri=uri, sizeBytes=len(artefact.content))
    return described(artefact, uri), measured


def _result(config: Config, measured: Measured, dataset: Dataset) -> dict[str, object]:
    """trainer-result.schema.json, success, without what was exported."""
    optional: dict[str, object | None] = {
        "classMetrics": _class_metrics(config, measured.model, dataset) or None,
        "teacherAgreement": None if measured.agreement is None else round(measured.agreement, 6),
    }
    return {
        "contractVersion": "v1",
        "outcome": "succeeded",
        "metrics": metrics_document(measured.model.n, measured.model.metrics),
        **{name: _headline(evaluation) for name, evaluation in measured.others.items()},
        **{key: value for key, value in optional.items() if value is not None},
    }


def _told(session: Session) -> dict[str, object]:
    """What was on the board; a run that is short was perhaps never asked."""
    shown = session.board.progress.document()
    return {name: shown[name] for name in ("distribution", "resumedFromStep", "skippedCheckpoint") if shown.get(name)}


def _headline(evaluation: Evaluation) -> dict[str, object]:
    """The termination message has no room for all of those beside the model; the report has the rest."""
    kept = {name: evaluation.metrics[name] for name in HEADLINE if name in evaluation.metrics}
    return metrics_document(evaluation.n, kept)


def _class_metrics(config: Config, evaluation: Evaluation, dataset: Dataset) -> list[dict[str, object]]:
    if not isinstance(evaluation, Classification):
        return []
    return [class_metric_document(wanted, dataset.labels, evaluation.classes) for wanted in config.class_metrics]
