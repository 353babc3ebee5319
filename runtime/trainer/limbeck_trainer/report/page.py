"""report.json to report.html: one file that needs nothing else. Labels are a stranger's words, and are escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from limbeck_trainer.report.plots import (
    HEIGHT,
    WIDTH,
    learning_figures,
    regression_figures,
    reliability_figure,
    roc_figure,
)

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
    return environment.get_template("report.html.jinja").render(
        report=report,
        tasks=TASKS,
        names=METRICS,
        models={"model": report, **{name: report[name] for name in ("control", "teacher") if name in report}},
        figures=_figures(report),
        left_out=report.get("leftOut", {}),
        classes=_classes(report),
        matrix=_matrix(report),
        confused=report.get("confused", [])[:CONFUSED_PAIRS],
        width=WIDTH,
        height=HEIGHT,
    )


def _figures(report: Mapping[str, Any]) -> list[object]:
    figures: list[object] = list(learning_figures(report["history"]))
    if report["task"] == "regression":
        return figures + list(regression_figures(report["pairs"], report["residuals"]))
    if report["task"] == "causalLM":
        return figures
    return [*figures, reliability_figure(report["calibration"]), roc_figure(report["roc"])]


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
