"""Samples in a folder, for the processes of a pod: one has read them, and all have the same pages of memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from limbeck_trainer.json_text import json_text
from limbeck_trainer.samples import Dataset, Feature
from limbeck_trainer.scratch import room_for

ABOUT = "about.json"


def save_samples(dataset: Dataset, folder: Path) -> None:
    """x, y and what is known of them."""
    about = {
        "labels": dataset.labels,
        "sha256": dataset.sha256,
        "features": [[feature.name, feature.categories, feature.impute] for feature in dataset.features],
        "preprocessing": dataset.preprocessing,
    }
    with room_for("the samples"):
        np.save(folder / "x.npy", dataset.x)
        np.save(folder / "y.npy", dataset.y)
        (folder / ABOUT).write_text(json_text(about), encoding="utf-8")


def open_samples(folder: Path) -> Dataset:
    """What was saved; x and y stay in their files, and who writes to them writes to a copy of his own."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Dataset(
        x=np.load(folder / "x.npy", mmap_mode="c"),
        y=np.load(folder / "y.npy", mmap_mode="c"),
        labels=tuple(about["labels"]),
        sha256=about["sha256"],
        features=tuple(Feature(name, tuple(kinds), impute) for name, kinds, impute in about["features"]),
        preprocessing=about["preprocessing"],
    )
