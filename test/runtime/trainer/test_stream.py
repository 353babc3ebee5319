"""A stream is the same data set as the one in memory, divided alike in every run, and never in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from limbeck_trainer import stream
from limbeck_trainer.data import load, load_data
from limbeck_trainer.data_config import Claimed, Columns, Data, Reading
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.evaluation.outputs import count_correct, gather_outputs
from limbeck_trainer.loop import material_of
from limbeck_trainer.model_config import Linear
from limbeck_trainer.samples import Dataset
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.split import StreamSplit
from limbeck_trainer.store import Store
from support import PATIENCE_SECONDS, alone, config_document, free_port, run_here
from torch import nn
from workers import PRELOADED, forkserver, peak_of, start_program, start_workers, trainer_command

TABLE = Reading(columns=Columns(categorical=("colour",), missing="impute"))


def npz_shards(folder: Path, shards: int = 6, rows: int = 100) -> None:
    random = np.random.default_rng(3)
    for number in range(shards):
        y = random.integers(0, 4, rows)
        x = random.normal(size=(rows, 6)) + 3 * np.eye(6)[y]
        np.savez(folder / f"part-{number}.npz", x=x, y=y)


def csv_shards(folder: Path, shards: int = 6, rows: int = 100) -> None:
    random = np.random.default_rng(3)
    for number in range(shards):
        lines = [f"c{random.integers(0, 3)},{random.normal():.6f},k{random.integers(0, 2)}" for _ in range(rows)]
        lines[7] = "c0,,k1"
        (folder / f"part-{number}.csv").write_text("\n".join(["colour,size,target", *lines]))


def data(folder: Path, reading: Reading, window: int | None) -> Data:
    return Data(Claimed("claim", str(folder), None), 0.1, 0.2, 7, None, reading, window)


@pytest.mark.parametrize(("shards", "reading"), [(npz_shards, Reading()), (csv_shards, TABLE)])
def test_a_stream_is_the_data_set_that_memory_would_hold(
    tmp_path: Path, shards: Callable[[Path], None], reading: Reading
) -> None:
    shards(tmp_path)
    streamed, rows = load(data(tmp_path, reading, 2), Linear(), Store(), Scratch())
    whole = load_data(Claimed("claim", str(tmp_path), None), Store(), reading)
    random = np.random.default_rng(0).permutation(len(whole.y))
    np.testing.assert_array_equal(streamed.x[random], whole.x[random])
    np.testing.assert_array_equal(streamed.x[:3], whole.x[:3])
    np.testing.assert_array_equal(streamed.y, whole.y)
    for part in ("labels", "sha256", "features", "preprocessing", "shape"):
        assert getattr(streamed, part) == getattr(whole, part)
    assert streamed.stream is not None
    train = whole.x[rows.train].astype(np.float64)
    numbers = [index for index, feature in enumerate(streamed.features) if not feature.categories]
    numbers = numbers or list(range(train.shape[1]))
    np.testing.assert_allclose(streamed.stream.mean[0, numbers], np.nanmean(train, axis=0)[numbers], rtol=1e-9)
    np.testing.assert_allclose(streamed.stream.deviation[0, numbers], np.nanstd(train, axis=0)[numbers], rtol=1e-9)


def test_the_split_is_stratified_and_follows_its_seed(tmp_path: Path) -> None:
    npz_shards(tmp_path, 20)
    dataset, rows = load(data(tmp_path, Reading(), 2), Linear(), Store(), Scratch())
    again = load(data(tmp_path, Reading(), 3), Linear(), Store(), Scratch())[1]
    np.testing.assert_array_equal(rows.test, again.test)
    np.testing.assert_array_equal(np.sort(np.concatenate([rows.train, rows.validation, rows.test])), np.arange(2000))
    for label in range(4):
        size = int((dataset.y == label).sum())
        assert abs(int((dataset.y[rows.test] == label).sum()) - size * 0.2) <= 20
        assert abs(int((dataset.y[rows.validation] == label).sum()) - size * 0.1) <= 10


def test_the_split_does_not_depend_on_how_the_samples_are_cut(tmp_path: Path) -> None:
    classes, names = np.random.default_rng(1).integers(0, 3, 1000), {0: "a", 1: "b", 2: "c"}
    at_once = StreamSplit(data(tmp_path, Reading(), 1)).assign(classes, names)
    split = StreamSplit(data(tmp_path, Reading(), 1))
    pieces = [split.assign(piece, names) for piece in np.array_split(classes, 17)]
    np.testing.assert_array_equal(np.concatenate(pieces), at_once)
    assert (at_once == 2).sum() == pytest.approx(200, abs=10)


def test_rows_are_the_processors_and_samples_the_devices(tmp_path: Path) -> None:
    npz_shards(tmp_path)
    dataset, rows = load(data(tmp_path, Reading(), 2), Linear(), Store(), Scratch())
    here, there = (material_of(dataset, rows, torch.device(name)).x for name in ("cpu", "meta"))
    chosen = torch.tensor([599, 3, 250])
    np.testing.assert_array_equal(here.index_select(0, chosen).numpy(), dataset.x[chosen.numpy()])
    assert (str(there.device), str(there.index_select(0, chosen).device), len(there)) == ("cpu", "meta", 600)


def one_file(folder: Path) -> str:
    npz_shards(folder, 1)
    return str(folder / "part-0.npz")


def another_shape(folder: Path) -> str:
    npz_shards(folder, 2)
    np.savez(folder / "part-9.npz", x=np.zeros((4, 3)), y=[0, 1, 0, 1])
    return str(folder)


def too_few(folder: Path) -> str:
    npz_shards(folder, 1, 2)
    return str(folder)


def text(folder: Path) -> str:
    (folder / "a.txt").write_text("a")
    return str(folder)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (one_file, "is one file. Name a folder of files in data.source, or leave out data.stream"),
        (another_shape, r"part-9.npz .* has samples of the shape \[3\], the first file \[6\]"),
        (too_few, "must have in y the class indices|too few for the split"),
        (text, "is text, which only a transformer reads. Choose another model"),
    ],
)
def test_what_cannot_be_streamed_is_refused(tmp_path: Path, make: Callable[[Path], str], words: str) -> None:
    path = make(tmp_path)
    with pytest.raises(TrainerError, match=words) as caught:
        load(Data(Claimed("claim", path, None), 0.1, 0.2, 7, None, Reading(), 2), Linear(), Store(), Scratch())
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_shard_that_changes_in_between_is_noticed(tmp_path: Path) -> None:
    npz_shards(tmp_path)
    dataset: Dataset = load(data(tmp_path, Reading(), 2), Linear(), Store(), Scratch())[0]
    np.savez(tmp_path / "part-5.npz", x=np.zeros((100, 6)), y=np.arange(100) % 4)
    (tmp_path / "part-4.npz").unlink()
    with pytest.raises(TrainerError, match=r"part-5\.npz in .* has changed since the training began\. Leave"):
        dataset.x[np.array([599])]
    with pytest.raises(TrainerError, match=r"part-4\.npz in .* is gone since the training began") as caught:
        dataset.x[np.array([499])]
    assert caught.value.reason is Reason.DATA_INVALID


def streaming(store: str, folder: Path, **changes: Any) -> dict[str, Any]:
    source = {"kind": "pvc", "claim": "claim", "path": str(folder)}
    split = {"validation": 0.1, "test": 0.2, "seed": 0}
    return config_document(store, data={"source": source, "split": split, "stream": {"window": 2}}, **changes)


def test_two_workers_learn_from_a_stream(tmp_path: Path, store: str) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    npz_shards(shards)
    document = streaming(store, shards, optimization={"epochs": 8, "batchSize": 16})
    workers = start_workers(tmp_path / "two", document, 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    assert workers[0].result()["metrics"]["n"] == pytest.approx(120, abs=10)
    alone = run_here({**document, "store": {key: f"{value}-alone" for key, value in document["store"].items()}})
    assert alone["lineage"]["dataSha256"] == workers[0].result()["lineage"]["dataSha256"]
    assert alone["steps"] == workers[0].result()["steps"]


class Columns4(nn.Module):
    """Logits that no order of additions can change."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[b, 6] -> [b, 4]."""
        return x[:, :4]


def _evaluate(folder: Path, out: Path, environment: Environment) -> None:
    """One rank answers its part of the held-out rows; what came out, and which files it read for that."""
    dataset, rows = load(data(folder, Reading(), 2), Linear(), Store(), Scratch())
    read: list[str] = []
    again = stream.read_again
    setattr(stream, "read_again", lambda file, sha256: (read.append(file.name), again(file, sha256))[1])  # noqa: B010
    peers = Peers(environment)
    material, model = material_of(dataset, rows, peers.device), Columns4()
    answers = gather_outputs(model, material, rows.test, peers)
    found = {"answers": answers.tolist(), "correct": count_correct(model, material, rows.test, peers), "read": read}
    out.write_text(json.dumps(found))


@pytest.mark.parametrize("count", [2, 3])
def test_a_worker_evaluates_its_own_part_of_the_shards_and_all_together_all(tmp_path: Path, count: int) -> None:
    """Held-out samples lie in every shard; each pass over them reads a shard once, or twice where two workers meet."""
    shards = tmp_path / "shards"
    shards.mkdir()
    npz_shards(shards)
    forkserver.set_forkserver_preload(PRELOADED)
    port = free_port()
    ranks = [
        forkserver.Process(
            target=_evaluate,
            args=(shards, tmp_path / str(rank), Environment(rank, count, "127.0.0.1", port, 1, tmp_path)),
        )
        for rank in range(count)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in ranks] == [0] * count
    _evaluate(shards, tmp_path / "one", alone())
    single, *several = (json.loads((tmp_path / name).read_text()) for name in ("one", *map(str, range(count))))
    for found in several:
        assert (found["answers"], found["correct"]) == (single["answers"], single["correct"])
        assert len(set(found["read"])) <= 6 // count + 2
    reads = [name for found in several for name in found["read"]]
    assert set(reads) == set(single["read"])
    assert len(reads) <= 2 * (6 + count - 1)


def test_the_resident_set_stays_below_the_data(tmp_path: Path, store: str) -> None:
    """40 shards that are 16 MiB each once they are samples: 640 MiB, of which a window of two is kept."""
    rows, width = 16384, 256
    random = np.random.default_rng(0)
    shard = random.integers(0, 256, (rows, width), dtype=np.uint8)
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(40):
        y = random.integers(0, 2, rows)
        shard[:, 0] = y * 200
        np.savez(shards / f"part-{number:02}.npz", x=shard, y=y)
    document = streaming(store, shards, model={"kind": "linear"}, optimization={"epochs": 1, "batchSize": 4096})
    (worker,) = start_program(tmp_path / "one", document, trainer_command(tmp_path / "one"), 1)
    peak_kib = peak_of(worker)
    assert worker.exit_code() == 0, worker.log_file.read_text()
    loaded = next(line for line in worker.lines() if line["message"] == "data loaded")
    assert loaded["samples"] == 40 * rows
    assert 0 < peak_kib * 1024 < 40 * rows * width * 4 * 0.9, json.dumps({"peakKiB": peak_kib})
