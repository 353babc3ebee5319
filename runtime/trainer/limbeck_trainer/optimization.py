"""How to optimise: the config's `optimization`, parsed once."""

from __future__ import annotations

from dataclasses import dataclass

from limbeck_trainer.fields import NATURAL, POSITIVE, Bounds, Fields


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a training after `patience` epochs without a validation loss that is less by more than `min_delta`."""

    patience: int
    min_delta: float


@dataclass(frozen=True)
class Optimization:
    """How to optimise; `batch_size` is summed over all workers, `warm_up` is a share of all steps."""

    optimizer: str
    learning_rate: float
    schedule: str
    epochs: int
    batch_size: int
    seed: int
    warm_up: float | None = None
    weight_decay: float = 0.0
    clip_norm: float | None = None
    precision: str = "float32"
    accumulate: int = 1
    early_stopping: EarlyStopping | None = None


def parse_optimization(fields: Fields) -> Optimization:
    """The config's `optimization`."""
    optimization = Optimization(
        optimizer=fields.choice("optimizer", ["adam", "adamw", "sgd"]),
        learning_rate=fields.number("learningRate", Bounds(above=0)),
        schedule=fields.choice("schedule", ["constant", "oneCycle", "cosine", "linear"]),
        epochs=fields.integer("epochs", POSITIVE),
        batch_size=fields.integer("batchSize", POSITIVE),
        seed=fields.integer("seed", NATURAL),
        warm_up=fields.number("warmUp", Bounds(minimum=0, below=1)) if fields.has("warmUp") else None,
        weight_decay=fields.number("weightDecay", NATURAL) if fields.has("weightDecay") else 0.0,
        clip_norm=fields.number("clipNorm", Bounds(above=0)) if fields.has("clipNorm") else None,
        precision=fields.choice("precision", ["float32", "bfloat16", "float16"])
        if fields.has("precision")
        else "float32",
        accumulate=fields.integer("accumulate", POSITIVE) if fields.has("accumulate") else 1,
        early_stopping=_early_stopping(fields.child("earlyStopping")) if fields.has("earlyStopping") else None,
    )
    fields.close()
    return optimization


def _early_stopping(fields: Fields) -> EarlyStopping:
    stopping = EarlyStopping(
        patience=fields.integer("patience", POSITIVE),
        min_delta=fields.number("minDelta", NATURAL) if fields.has("minDelta") else 0.0,
    )
    fields.close()
    return stopping
