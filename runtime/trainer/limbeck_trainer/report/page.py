"""report.json to report.html: one file that needs nothing else. Labels are a stranger's words, and are escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from limbeck_trainer.report.plots import (
    HEIGHT,
    WIDTH,
    Figure,
    learning_figures,
    pairs_figure,
    reliability_figure,
    residuals_figure,
    roc_figure,
)
from limbeck_trainer.report.undrawn import drawn

# A larger matrix cannot be read; the pairs that are confused most can.
MATRIX_CLASSES = 25
CONFUSED_PAIRS = 25
# A longer table nobody reads, and of tens of thousands no browser shows.
CLASSES = 1000

TASKS = {"classification": "Classification", "regression": "Regression", "causalLM": "Language model"}
METRICS = {
    "accuracy": "Accuracy",
    "macroPrecision": "Macro precision",
    "macroRecall": "Macro recall",
    "macroF1": "Macro F1",
    "rocAuc": "ROC AUC",
    "logLoss": "Log loss",
    "calibrationError": "Calibration error",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "perplexity": "Perplexity of a token",
}
# By the members of the report that they are drawn from, in their order.
FIGURES: Mapping[str, Callable[[Any], Sequence[Figure]]] = {
    "history": learning_figures,
    "calibration": lambda bins: [reliability_figure(bins)],
    "roc": lambda curves: [roc_figure(curves)],
    "pairs": lambda pairs: [pairs_figure(pairs)],
    "residuals": lambda errors: [residuals_figure(errors)],
}
PLOTS = {
    "history": "Learning curves",
    "calibration": "Reliability",
    "roc": "ROC",
    "pairs": "Predicted against actual",
    "residuals": "Errors",
}


def page_of(report: Mapping[str, Any]) -> str:
    """The report as a person reads it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value: f"{value:.4g}"
    plots = {name: partial(draw, report[name]) for name, draw in FIGURES.items() if name in report}
    figures, left_out = drawn(plots, report.get("leftOut", {}))
    return environment.get_template("report.html.jinja").render(
        report=report,
        tasks=TASKS,
        names={**METRICS, **PLOTS},
        models={"model": report, **{name: report[name] for name in ("control", "teacher") if name in report}},
        figures=list(chain.from_iterable(figures.values())),
        left_out=left_out,
        classes=_classes(report),
        matrix=_matrix(report),
        confused=report.get("confused", [])[:CONFUSED_PAIRS],
        width=WIDTH,
        height=HEIGHT,
    )


def _classes(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In their order; of very many those that the model knows worst."""
    classes = report.get("classes", [])
    worst = sorted(range(len(classes)), key=lambda at: classes[at]["f1"]["value"])[:CLASSES]
    return [classes[at] for at in sorted(worst)]


def _matrix(report: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """A row for each class: its label, and per predicted class the count and its share of the row."""
    if "confusion" not in report or len(report["labels"]) > MATRIX_CLASSES:
        return None
    return [
        {"label": label, "cells": [{"count": count, "share": count / max(1, sum(row))} for count in row]}
        for label, row in zip(report["labels"], report["confusion"], strict=True)
    ]
