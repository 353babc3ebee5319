"""What one process of a pod has read is what the others have: the same numbers, in the same pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from limbeck_trainer.data import load
from limbeck_trainer.data_config import Builtin, Claimed, Columns, Data, Reading, Source
from limbeck_trainer.model_config import Linear
from limbeck_trainer.samples import Dataset
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store

ROWS = "colour,size,kind\n" + "red,1,a\nblue,,b\n" * 10
PRICES = "colour,price\n" + "red,1\nblue,2.5\n" * 10
TABLE = Reading(columns=Columns(target="kind", categorical=("colour",), missing="impute"))
NUMBERS = Reading(task="regression", columns=Columns(target="price", categorical=("colour",)))


def both(folder: Path, source: Source, reading: Reading) -> tuple[Dataset, list[Dataset]]:
    """As a process alone has the samples, and as the processes of a pod have them, the last with its source gone."""
    data, pod = Data(source, 0.1, 0.2, 3, None, reading), folder / "pod"
    pod.mkdir()
    alone, rows = load(data, Linear(), Store(), Scratch())
    first = load(data, Linear(), Store(), Scratch(pod))
    (folder / "t.csv").unlink(missing_ok=True)
    second = load(data, Linear(), Store(), Scratch(pod))
    for _, theirs in (first, second):
        np.testing.assert_array_equal(theirs.train, rows.train)
        np.testing.assert_array_equal(theirs.test, rows.test)
    return alone, [first[0], second[0]]


@pytest.mark.parametrize(
    ("content", "reading"),
    [(ROWS, TABLE), (PRICES, NUMBERS), ("", Reading())],
    ids=["classes", "numbers", "digits"],
)
def test_the_samples_of_a_pod_are_those_of_a_process_alone(tmp_path: Path, content: str, reading: Reading) -> None:
    (tmp_path / "t.csv").write_text(content)
    source = Claimed("claim", str(tmp_path / "t.csv"), None) if content else Builtin("digits")
    alone, pod = both(tmp_path, source, reading)
    for dataset in pod:
        np.testing.assert_array_equal(dataset.x, alone.x)
        np.testing.assert_array_equal(dataset.y, alone.y)
        assert (dataset.x.dtype, dataset.y.dtype) == (alone.x.dtype, alone.y.dtype)
        for part in ("labels", "sha256", "features", "preprocessing", "shape", "outputs"):
            assert getattr(dataset, part) == getattr(alone, part)
    # Of the same file, whose pages the kernel has once; and training may write to what it takes for its own.
    assert {Path(dataset.x.filename) for dataset in pod} == {tmp_path / "pod" / "samples" / "x.npy"}
    torch.from_numpy(pod[0].x).zero_()
    np.testing.assert_array_equal(pod[1].x, alone.x)
