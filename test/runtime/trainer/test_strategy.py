"""Which strategy for which numbers, and the sentence that says why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from groups import Counted
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.session import Session
from limbeck_trainer.strategy import Facts, choose_strategy, shortage
from support import PATIENCE_SECONDS, Document, attempt, config_document, free_port, session
from workers import PRELOADED, forkserver

GIB = 2**30
TIB = 2**40
MILLION = 10**6
# Of eight layers that are equally large, and what each number of them may take with adam: see Facts.
HIDDEN = [1500] * 8
PARAMETERS = 64 * 1500 + 1500 + 7 * (1500 * 1500 + 1500) + 1500 * 10 + 10


@pytest.mark.parametrize(
    ("requested", "facts", "strategy", "why"),
    [
        ("auto", Facts(7000 * MILLION, "adam", 1, 2 * GIB), "alone", "One process"),
        ("fsdp", Facts(MILLION, "adam", 1, 2 * GIB), "alone", "One process"),
        ("ddp", Facts(7000 * MILLION, "adam", 8, 2 * GIB), "ddp", "distribution.strategy says so."),
        ("fsdp", Facts(MILLION, "adam", 2, 2 * GIB), "fsdp", "distribution.strategy says so."),
        ("auto", Facts(MILLION, "adam", 2, 2 * GIB), "ddp", "every process holds the whole model"),
        # 16 bytes for each parameter, and as many in a checkpoint: 40 million fill 1.19 of 1.2 GiB, 60 % of 2 GiB.
        ("auto", Facts(40 * MILLION, "adamw", 2, 2 * GIB), "ddp", "take 610 MiB, and 1.19 GiB while a checkpoint is w"),
        ("auto", Facts(40 * MILLION, "adamw", 2, 2 * GIB), "ddp", "is written or read, which fit into 1.2 GiB, 60%"),
        ("auto", Facts(41 * MILLION, "adamw", 2, 2 * GIB), "fsdp", "each of 2 processes holds a part, 313 MiB."),
        # And what early stopping keeps, in the training and twice in a checkpoint: 40 bytes.
        ("auto", Facts(32 * MILLION, "adamw", 2, 2 * GIB, keeps_best=True), "ddp", "and 1.19 GiB while a checkpoint"),
        ("auto", Facts(33 * MILLION, "adamw", 2, 2 * GIB, keeps_best=True), "fsdp", "and 1.23 GiB while a checkpoint"),
        # On a GPU the machine's memory holds the checkpoint.
        (
            "auto",
            Facts(80 * MILLION, "adamw", 2, 2 * GIB, 8 * GIB),
            "ddp",
            "take 1.19 GiB, which fit into 1.2 GiB, 60% of",
        ),
        (
            "auto",
            Facts(81 * MILLION, "adamw", 2, 2 * GIB, 8 * GIB),
            "fsdp",
            "each of 2 processes holds a part, 618 MiB.",
        ),
        # Without an optimiser's state half as much.
        ("auto", Facts(80 * MILLION, "sgd", 2, 2 * GIB), "ddp", "80,000,000 parameters take 610 MiB"),
        ("auto", Facts(7000 * MILLION, "adam", 8, 80 * GIB, TIB), "fsdp", "each of 8 processes holds a part, 13 GiB."),
        # The parts alone would fit, and the checkpoint of the whole does not.
        ("auto", Facts(7000 * MILLION, "adam", 8, 80 * GIB), "fsdp", "raise the memory limit or distribution.workers"),
        ("auto", Facts(7000 * MILLION, "adam", 8, 20 * GIB, TIB), "fsdp", "raise the memory limit or distribution."),
        ("auto", Facts(MILLION, "adam", 2, 0), "fsdp", "Even that may not fit"),
    ],
)
def test_the_choice_and_its_reason(requested: str, facts: Facts, strategy: str, why: str) -> None:
    choice = choose_strategy(requested, facts)
    assert choice.strategy == strategy
    assert why in choice.why
    assert choice.why.endswith(".")


@pytest.mark.parametrize(
    ("requested", "parameters", "fits"),
    [("ddp", 90, True), ("fsdp", 80, True), ("fsdp", 81, False), ("auto", 80, True), ("auto", 81, False)],
)
def test_whether_one_process_may_train_it_to_compare(requested: str, parameters: int, fits: bool) -> None:
    """16 bytes for each of 80 million fill 60 % of 2 GiB; nobody writes a checkpoint meanwhile."""
    assert choose_strategy(requested, Facts(parameters * MILLION, "adam", 2, 2 * GIB)).fits_one is fits


@pytest.mark.parametrize(
    ("requested", "facts", "why"),
    [
        ("auto", Facts(60 * MILLION, "adam", 1, 2 * GIB), None),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB), "at least 2.09 GiB in each process, and 2 GiB"),
        ("auto", Facts(60 * MILLION, "adam", 1, 2 * GIB, keeps_best=True), "at least 2.24 GiB in each process"),
        ("auto", Facts(70 * MILLION, "adam", 1, 2 * GIB, 8 * GIB), None),
        ("auto", Facts(70 * MILLION, "sgd", 1, 2 * GIB), None),
        # A part of it, but the whole of a checkpoint, twice.
        ("auto", Facts(66 * MILLION, "adam", 4, 2 * GIB), None),
        ("auto", Facts(70 * MILLION, "adam", 2, 2 * GIB), "at least 2.09 GiB in each process"),
        ("ddp", Facts(70 * MILLION, "adam", 2, 2 * GIB), "70,000,000 parameters: to train"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB), "at least 3.91 GiB"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB), "Raise placement.resources.limits.memory, or take a sm"),
        ("fsdp", Facts(150 * MILLION, "adam", 64, 2 * GIB, 8 * GIB), None),
        # Before it is divided, each has it whole.
        ("fsdp", Facts(600 * MILLION, "adam", 64, 2 * GIB, TIB), "at least 2.24 GiB in each process, and 2 GiB are"),
        (
            "fsdp",
            Facts(600 * MILLION, "adam", 64, 2 * GIB, TIB),
            "are left. Take larger GPUs, or take a smaller model.",
        ),
        # A GPU has the room, and the machine has none for its checkpoint.
        (
            "auto",
            Facts(100 * MILLION, "adam", 1, 80 * GIB, 2 * GIB),
            "and to go on from it takes at least 2.24 GiB of t",
        ),
        ("auto", Facts(100 * MILLION, "adam", 1, 80 * GIB, 2 * GIB), "and 2 GiB are left. Raise placement.resources.l"),
        ("auto", Facts(80 * MILLION, "adam", 1, 80 * GIB, 2 * GIB), None),
    ],
)
def test_a_model_that_memory_cannot_hold(requested: str, facts: Facts, why: str | None) -> None:
    said = shortage(requested, facts)
    assert said is None if why is None else said is not None and why in said


def _status(name: str) -> int:
    """Bytes that the kernel says of this process."""
    said = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert said is not None
    return 1024 * int(said[1])


def _go_on(out: Path, document: Document, environment: Environment) -> None:
    """One rank until its second step; how much more memory it had at most, from the choice until it went on."""
    rest, peaks = [0], [0]

    def log(line: str) -> None:
        match json.loads(line)["message"]:
            case "strategy chosen":
                rest.append(_status("VmRSS"))
                # From here on, the peak is that of now.
                Path("/proc/self/clear_refs").write_text("5")
            case "training resumed":
                peaks.append(_status("VmHWM"))

    said = session(document, log)
    with pytest.raises(TrainerError, match="Stopped by SIGTERM"):
        run(Session(said.config, said.store, said.board, Counted(1, said.board), said.log), environment)
    out.write_text(str(peaks[-1] - rest[-1]))


def _peaks(folder: Path, document: Document, count: int) -> list[int]:
    folder.mkdir()
    forkserver.set_forkserver_preload(PRELOADED)
    port = free_port()
    places = [Environment(rank, count, "127.0.0.1", port, 1, folder) for rank in range(count)]
    ranks = [forkserver.Process(target=_go_on, args=(folder / str(it.rank), document, it)) for it in places]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in ranks] == [0] * count
    return [int((folder / str(rank)).read_text()) for rank in range(count)]


def test_to_go_on_from_a_checkpoint_takes_a_group_no_more_than_is_reckoned(tmp_path: Path, store: str) -> None:
    """What fits when a run begins fits when it goes on: it would end for good after a mere preemption."""
    optimization = {"epochs": 1, "batchSize": 256}
    document = config_document(store, model={"kind": "mlp", "hidden": HIDDEN}, optimization=optimization)
    _peaks(tmp_path / "first", document, 1)
    facts = Facts(PARAMETERS, "adam", 2, 0)
    for number, (strategy, parts) in enumerate((("ddp", 1), ("fsdp", 2)), start=2):
        again = attempt({**document, "distribution": {"strategy": strategy}}, number)
        for peak in _peaks(tmp_path / strategy, again, 2):
            # What torch needs for a while of single layers is not reckoned.
            assert peak < 1.18 * facts.needed(parts), f"{strategy}: {peak / PARAMETERS:.1f} bytes of a parameter"
