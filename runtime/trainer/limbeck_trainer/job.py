"""A run from config to result, in order: data, teacher, peers, training, evaluation, export.

What can be missing is looked for before the workers meet: each then says itself what it misses, and none of them
takes the other's end for a lost peer.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

import torch

from limbeck_trainer.config import Config
from limbeck_trainer.data import Dataset, Ints, load
from limbeck_trainer.distil import Teacher, distillation_loss, load_teacher
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation import confusion_matrix, evaluate, metrics_of
from limbeck_trainer.export import Artefact, export_onnx, manifest_of, prove_parity, upload
from limbeck_trainer.loop import Training, material_of
from limbeck_trainer.losses import Criterion, cross_entropy
from limbeck_trainer.memory import free_memory
from limbeck_trainer.models import parameter_count
from limbeck_trainer.plan import Plan
from limbeck_trainer.preprocess import assemble
from limbeck_trainer.report import report_of
from limbeck_trainer.session import Material, Session, Stage, Trained
from limbeck_trainer.strategy import Choice, Facts, choose_strategy
from limbeck_trainer.stream_plan import StreamPlan

# From SIGTERM to the end, checkpoint included; Kubernetes grants 30 s.
GRACE_SECONDS = 22
# The first rows of the held-out split, on which the exported model must say what the trained one says.
PARITY_SAMPLES = 4096


@dataclass(frozen=True)
class Outcome:
    """What was trained and how it did on the test rows: confusion matrices [classes, classes], actual x predicted."""

    trained: Trained
    confusion: Ints
    control: Ints | None = None
    teacher: Ints | None = None
    # Actual is here what the teacher says.
    agreement: Ints | None = None


def run(session: Session, environment: Environment) -> dict[str, object] | None:
    """The whole run; rank 0 gets the result's document, the others None."""
    began = time.monotonic()
    _prepare_torch(session.config, environment)
    dataset, rows = load(session.config.data, session.store)
    distillation = session.config.distillation
    teacher = load_teacher(distillation, dataset, session.store, environment.threads) if distillation else None
    session.log.info("data loaded", samples=len(dataset.y), train=len(rows.train), test=len(rows.test))
    peers = Peers(environment)
    session.log.info("workers met", worldSize=peers.world_size, device=str(peers.device))
    session.interruption.grace_seconds = GRACE_SECONDS
    material = material_of(dataset, rows, peers.device)
    choice = _choose(session, environment, peers, material)
    outcome = _train(session, peers, material, teacher, choice)
    if not peers.leads:
        session.log.info("worker finished")
        return None
    lineage = _lineage(session.config, environment, dataset)
    artefact = _export(session, environment, material, outcome, lineage)
    return {**_result(outcome, teacher, artefact, lineage), "seconds": round(time.monotonic() - began, 3)}


def _prepare_torch(config: Config, environment: Environment) -> None:
    if environment.threads is not None:
        torch.set_num_threads(environment.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # It would also fill whatever is about to be overwritten.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(config.optimization.seed)


def _choose(session: Session, environment: Environment, peers: Peers, material: Material) -> Choice:
    """Rank 0's choice, for all: the ranks need not have equally much memory left."""
    optimization, dataset = session.config.optimization, material.dataset
    with torch.device("meta"):
        model = assemble(session.config.model, dataset, material.rows.train[:1])
    facts = Facts(
        parameter_count(model), optimization.optimizer, peers.world_size, free_memory(environment, peers.device)
    )
    mine = json.dumps(asdict(choose_strategy(session.config.strategy, facts))).encode()
    choice = Choice(**json.loads(peers.broadcast(mine if peers.leads else None) or b"{}"))
    session.log.info("strategy chosen", strategy=choice.strategy, why=choice.why)
    if choice.strategy == "fsdp" and optimization.precision == "float16":
        message = "optimization.precision float16 does not go with fsdp: take bfloat16, which needs no loss scaling."
        raise TrainerError(Reason.CONFIG_INVALID, message)
    return choice


def _train(session: Session, peers: Peers, material: Material, teacher: Teacher | None, choice: Choice) -> Outcome:
    config, rows, dataset = session.config, material.rows, material.dataset
    plan = _plan(config, material, rows.train, peers)
    steps = plan.steps_per_epoch * config.optimization.epochs
    with_control = config.distillation is not None and config.distillation.control
    trainings = 2 if with_control else 1
    session.board.update(phase="training", steps=steps * trainings, epochs=config.optimization.epochs * trainings)
    name = "student" if config.distillation else "model"
    stage = Stage(name, plan, _criterion(config, material, teacher), choice.strategy, steps, plan.steps_per_epoch)
    trained = Training(session, peers, material, stage).run()
    control = None
    if with_control:
        # The same budget of steps, spent on the labels alone.
        alone = _plan(config, material, rows.labelled, peers)
        stage = Stage("control", alone, cross_entropy(material.y), choice.strategy, steps, plan.steps_per_epoch, steps)
        control = Training(session, peers, material, stage).run()
    session.board.update(phase="evaluating")
    named = teacher.logits.argmax(axis=1) if teacher else None
    return Outcome(
        trained,
        evaluate(trained.model, material.x, dataset.y, rows.test, peers),
        evaluate(control.model, material.x, dataset.y, rows.test, peers) if control else None,
        None if named is None else confusion_matrix(dataset.y[rows.test], named[rows.test], len(dataset.labels)),
        None if named is None else evaluate(trained.model, material.x, named, rows.test, peers),
    )


def _plan(config: Config, material: Material, rows: Ints, peers: Peers) -> Plan:
    size, seed, stream = config.optimization.batch_size, config.optimization.seed, material.dataset.stream
    if stream is None:
        return Plan(rows, size, seed)
    return StreamPlan(rows, size, seed, stream.starts, stream.window, peers.world_size)


def _criterion(config: Config, material: Material, teacher: Teacher | None) -> Criterion:
    if config.distillation is None or teacher is None:
        return cross_entropy(material.y)
    return distillation_loss(config.distillation.method, teacher, material.y, material.rows)


def _lineage(config: Config, environment: Environment, dataset: Dataset) -> dict[str, object]:
    teacher = {"teacherSha256": config.distillation.teacher_sha256} if config.distillation else {}
    return {
        "dataSha256": dataset.sha256,
        "splitSeed": config.data.split_seed,
        "seed": config.optimization.seed,
        "worldSize": environment.world_size,
        "torch": torch.__version__,
        **teacher,
    }


def _export(
    session: Session, environment: Environment, material: Material, outcome: Outcome, lineage: dict[str, object]
) -> dict[str, object]:
    """Proves, then uploads; the result's artefact."""
    session.board.update(phase="exporting")
    dataset = material.dataset
    test = dataset.x[material.rows.test[:PARITY_SAMPLES]]
    model = outcome.trained.model
    artefact = export_onnx(model, dataset)
    delta = prove_parity(artefact, model, test, environment.threads)
    session.log.info("parity proven", samples=len(test), largestDelta=delta)
    uri = f"{session.config.models_uri}/{artefact.sha256}"
    metrics = metrics_of(outcome.confusion).document()
    report = report_of(dataset.labels, outcome.confusion, outcome.control, outcome.teacher)
    report |= {"history": outcome.trained.history, "parity": {"samples": len(test), "largestDelta": delta}}
    upload(session.store, uri, artefact, manifest_of(artefact, dataset, metrics, lineage), report)
    session.log.info("artefact uploaded", uri=uri, sizeBytes=len(artefact.content))
    return _described(artefact, uri)


def _described(artefact: Artefact, uri: str) -> dict[str, object]:
    return {
        "uri": uri,
        "sha256": artefact.sha256,
        "sizeBytes": len(artefact.content),
        "inputs": artefact.inputs,
        "outputs": artefact.outputs,
    }


def _result(
    outcome: Outcome, teacher: Teacher | None, artefact: dict[str, object], lineage: dict[str, object]
) -> dict[str, object]:
    """trainer-result.schema.json, success, without the seconds."""
    optional: dict[str, object | None] = {
        "control": None if outcome.control is None else metrics_of(outcome.control).document(),
        "teacher": None if outcome.teacher is None else metrics_of(outcome.teacher).document(),
        "teacherAgreement": None if outcome.agreement is None else round(metrics_of(outcome.agreement).accuracy, 6),
        "teacherSizeBytes": teacher.size_bytes if teacher else None,
        "resumedFromStep": outcome.trained.resumed_from or None,
    }
    return {
        "contractVersion": "v1",
        "outcome": "succeeded",
        "artefact": artefact,
        "metrics": metrics_of(outcome.confusion).document(),
        **{key: value for key, value in optional.items() if value is not None},
        "lineage": lineage,
        "steps": outcome.trained.steps,
    }
