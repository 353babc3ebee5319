"""Pictures that memory does not hold are the pictures that it would: divided, normalised and learnt from alike."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from limbeck_trainer.data import load
from limbeck_trainer.data_config import Claimed, Data, ImageSize, Reading, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Linear
from limbeck_trainer.plan import Plan
from limbeck_trainer.preprocess import preprocessing_of
from limbeck_trainer.reading import pictures
from limbeck_trainer.samples import Dataset, Rows
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from PIL import Image
from support import config_document, run_here
from workers import peak_of, start_program, start_workers, trainer_command

SIZE = ImageSize(6, 8, 1)


def make(folder: Path, count: int = 60) -> None:
    """Of three classes, one after the other in the order of their paths; brighter the later the class."""
    random = np.random.default_rng(3)
    for number in range(count):
        pixels = (random.integers(0, 100, (6, 8)) + 70 * (number % 3)).astype(np.uint8)
        path = folder / f"class-{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def data(source: Claimed | Stored, window: int | None = 1, image: ImageSize | None = None) -> Data:
    return Data(source, 0.1, 0.2, 7, None, Reading(image=image), window)


def opened(folder: Path, window: int | None = 1, image: ImageSize | None = None) -> tuple[Dataset, Rows]:
    return load(data(Claimed("claim", str(folder), None), window, image), Linear(), Store(), Scratch())


@pytest.mark.parametrize("image", [None, ImageSize(5, 4, 3)])
def test_they_are_what_memory_would_hold(
    tmp_path: Path, image: ImageSize | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that there are several pieces, the last of them smaller.
    monkeypatch.setattr("limbeck_trainer.statistics.PIECE", 700)
    make(tmp_path)
    (streamed, rows), (whole, same) = opened(tmp_path, 1, image), opened(tmp_path, None, image)
    random = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(streamed.x[random], whole.x[random])
    np.testing.assert_array_equal(streamed.x[50:70], whole.x[50:70])
    np.testing.assert_array_equal(streamed.y, whole.y)
    for part in ("labels", "sha256", "preprocessing", "shape"):
        assert getattr(streamed, part) == getattr(whole, part)
    for part in ("train", "validation", "test", "labelled"):
        np.testing.assert_array_equal(getattr(rows, part), getattr(same, part))
    states = [preprocessing_of(one, rows.train)[0].state_dict() for one in (streamed, whole)]
    for name, value in states[1].items():
        assert (states[0][name] == value).all()


def picture_document(store: str, folder: Path, **changes: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "source": {"kind": "pvc", "claim": "claim", "path": str(folder)},
        "split": {"validation": 0.1, "test": 0.2, "seed": 0},
    }
    optimization = {"epochs": 2, "batchSize": 16}
    return config_document(
        store, data={**parts, **changes}, model={"kind": "cnn", "channels": [2], "hidden": 4}, optimization=optimization
    )


def test_the_model_is_that_of_the_same_pictures_in_memory(tmp_path: Path) -> None:
    make(tmp_path / "data")
    streamed, whole = (
        run_here(picture_document((tmp_path / name).as_uri(), tmp_path / "data", **stream))
        for name, stream in (("streamed", {"stream": {"window": 1}}), ("whole", {}))
    )
    assert streamed["artefact"]["sha256"] == whole["artefact"]["sha256"]
    assert streamed["lineage"]["dataSha256"] == whole["lineage"]["dataSha256"]
    assert streamed["metrics"] == whole["metrics"]


def test_two_workers_learn_from_the_batches_of_one(tmp_path: Path, store: str) -> None:
    make(tmp_path / "data")
    document = picture_document(store, tmp_path / "data", stream={"window": 1})
    workers = start_workers(tmp_path / "two", document, 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    alone = run_here({**document, "store": {key: f"{value}-alone" for key, value in document["store"].items()}})
    both = workers[0].result()
    # 42 pictures in batches of 16, twice: seven steps would be enough to compare, and six are not.
    assert "Scaling is not measured: that takes 7 steps, and there are 6." in both["distribution"]["reason"]
    assert (both["steps"], both["metrics"]["n"]) == (alone["steps"], alone["metrics"]["n"])
    assert both["metrics"]["logLoss"]["value"] == pytest.approx(alone["metrics"]["logLoss"]["value"], rel=1e-4)


def test_the_resident_set_stays_below_the_pictures(tmp_path: Path, store: str) -> None:
    """1200 pictures that are 0.75 MiB each once they are samples: 900 MiB, of which a batch or a piece is in memory."""
    make(tmp_path / "data", 1200)
    document = picture_document(
        store, tmp_path / "data", stream={"window": 1}, image={"height": 256, "width": 256, "channels": 3}
    )
    document["model"] = {"kind": "linear"}
    # Of so many inputs a step that is not tiny makes numbers of which 32 bits are not enough for a proof.
    document["optimization"] |= {"epochs": 1, "learningRate": 1e-7}
    (worker,) = start_program(tmp_path / "one", document, trainer_command(tmp_path / "one"), 1)
    peak_kib = peak_of(worker)
    assert worker.exit_code() == 0, worker.log_file.read_text()
    assert 0 < peak_kib * 1024 < 1200 * 256 * 256 * 3 * 4 * 0.75, json.dumps({"peakKiB": peak_kib})


class Counting(Store):
    """A store that knows what was read from it, and how it was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[str] = Counter()
        self.lists = 0

    def get(self, uri: str) -> bytes:
        self.read[uri] += 1
        return super().get(uri)

    def list(self, prefix: str) -> tuple[str, ...]:
        self.lists += 1
        return super().list(prefix)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_worker_reads_its_own_pictures_once_an_epoch_and_no_others(tmp_path: Path, workers: int) -> None:
    make(tmp_path)
    reads = []
    for rank in range(workers):
        store = Counting()
        dataset, rows = load(data(Stored(f"{tmp_path.as_uri()}/", None)), Linear(), store, Scratch())
        # The first pass: a list, and each picture once.
        assert (store.lists, len(store.read), set(store.read.values())) == (1, 60, {1})
        store.read.clear()
        order = Plan(rows.train, 16, 1).order(0)
        for start in range(0, len(order), 16):
            assert len(dataset.x[order[start : start + 16][rank::workers]]) > 0
        reads.append(store.read)
    whole = sum(reads, Counter())
    assert (len(whole), set(whole.values())) == (len(rows.train), {1})
    assert max(map(len, reads)) - min(map(len, reads)) <= 3


def test_few_are_in_memory_while_the_first_pass_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers are ahead of it by so many at most, and of a piece for the statistics no more is kept than fits."""
    monkeypatch.setattr("limbeck_trainer.statistics.PIECE", 6 * 8 * 5)
    make(tmp_path)
    begun: list[str] = []
    ahead: list[int] = []

    class Watched(Store):
        def get(self, uri: str) -> bytes:
            begun.append(uri)
            return super().get(uri)

    add = pictures._Survey.add

    def watched(survey: pictures._Survey, *arguments: Any) -> None:
        add(survey, *arguments)
        ahead.append(len(begun) - survey._row)
        assert len(survey._piece) < 5

    monkeypatch.setattr(pictures._Survey, "add", watched)
    load(data(Stored(f"{tmp_path.as_uri()}/", None)), Linear(), Watched(), Scratch())
    assert sorted(begun) == sorted(set(begun))
    assert (len(begun), max(ahead) <= pictures.AHEAD) == (60, True)


def test_many_are_read_at_once(tmp_path: Path) -> None:
    """The first wait until there are four of them: one after the other they would wait for ever."""
    make(tmp_path)
    together = threading.Semaphore(0)
    begun = itertools.count(1)

    class Slow(Store):
        def get(self, uri: str) -> bytes:
            number = next(begun)
            if number == 4:
                together.release(3)
            if number < 4:
                assert together.acquire(timeout=60)
            return super().get(uri)

    dataset, _ = load(data(Stored(f"{tmp_path.as_uri()}/", None)), Linear(), Slow(), Scratch())
    begun = itertools.count(1)
    assert dataset.x[np.arange(8)].shape == (8, 1, 6, 8)


def change(file: Path) -> None:
    Image.fromarray(np.full((6, 8), 9, np.uint8)).save(file)


@pytest.mark.parametrize(("spoil", "words"), [(change, "has changed"), (Path.unlink, "is gone")])
def test_a_picture_that_is_another_later_is_named(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    make(tmp_path)
    dataset, _ = opened(tmp_path)
    spoil(tmp_path / "class-1" / "001.png")
    with pytest.raises(TrainerError, match=rf"class-1/001\.png in .* {words} since the training began") as caught:
        dataset.x[np.arange(60)]
    assert caught.value.reason is Reason.DATA_INVALID


def broken(folder: Path) -> None:
    (folder / "class-1" / "001.png").write_text("text")


def another_size(folder: Path) -> None:
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(folder / "class-1" / "001.png")


def no_folder(folder: Path) -> None:
    (folder / "001.png").write_text("")


def one_class(folder: Path) -> None:
    for path in [*folder.glob("class-1/*"), *folder.glob("class-2/*")]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (broken, r"class-1/001\.png in .* is no whole PNG or JPEG"),
        (another_size, r"class-1/001\.png in .* is 3x3 with 1 channels, the first image 8x6 with 1 channels"),
        (no_folder, r"001\.png in .* lies in no folder. Put every file"),
        (one_class, "has one class only: the folder 'class-0'. Add folders"),
    ],
)
def test_what_is_wrong_is_refused_as_in_memory(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    make(tmp_path)
    spoil(tmp_path)
    for window in (1, None):
        with pytest.raises(TrainerError, match=words) as caught:
            opened(tmp_path, window)
        assert caught.value.reason is Reason.DATA_INVALID


def test_another_digest_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(TrainerError, match=r"has the sha256 .*, not 0000"):
        load(data(Claimed("claim", str(tmp_path), "0" * 64)), Linear(), Store(), Scratch())
