"""SIGTERM while the trainer is still being imported: heard, told, and no crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from limbeck_trainer.early import EXIT_CODE, NOTHING_SAVED, RESULT
from limbeck_trainer.errors import EXIT_CODES, Reason, TrainerError
from limbeck_trainer.result import encode, failure_document
from support import REPOSITORY, config_document, until
from workers import start_program, trainer_command

# In the place of a library that the entry imports: it waits, of several processes in a pod in those of ranks alone.
WAITS = """
import os, pathlib, time
rank = os.environ.get("LOCAL_RANK")
if rank or not os.environ.get("LOCAL_WORLD_SIZE"):
    pathlib.Path(os.environ["HERE"], rank or "0").touch()
    time.sleep(600)
def __getattr__(_name): return object
"""


def shadowed(folder: Path) -> dict[str, str]:
    """Variables with which the import of the trainer's entry waits."""
    package = folder / "shadow" / "prometheus_client"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(WAITS)
    for module in ("registry", "metrics_core", "core"):
        (package / f"{module}.py").write_text("def __getattr__(_name): return object")
    (folder / "here").mkdir()
    path = f"{package.parent}{os.pathsep}{REPOSITORY / 'runtime' / 'trainer'}"
    return {"PYTHONPATH": path, "HERE": str(folder / "here")}


# Holds the signal back and sends it; then it is as `env --block-signal=TERM` was, and Python has not even begun.
TOO_EARLY = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("processes", ["1", "2"], ids=["one process", "a pod of two"])
def test_sigterm_before_python_has_begun_is_heard_where_it_is_held_back(
    tmp_path: Path, store: str, processes: str
) -> None:
    command = [sys.executable, "-c", TOO_EARLY, *trainer_command(tmp_path)]
    variables = {"LOCAL_WORLD_SIZE": processes, "GROUP_RANK": "0"}
    (worker,) = start_program(tmp_path, config_document(store), command, 1, variables)
    assert worker.exit_code() == EXIT_CODE, worker.log_file.read_text()
    assert worker.result_file.read_text() == RESULT


@pytest.mark.parametrize("processes", ["", "2"], ids=["one process", "a pod of two"])
def test_sigterm_before_the_trainer_is_imported_is_no_crash(tmp_path: Path, store: str, processes: str) -> None:
    variables = {**shadowed(tmp_path), "LOCAL_WORLD_SIZE": processes, "RANK": "" if processes else "0"}
    folder = tmp_path / "w"
    if processes:
        variables["GROUP_RANK"] = "0"
    (worker,) = start_program(folder, config_document(store), trainer_command(folder), 1, variables)
    until(
        lambda: len(list((tmp_path / "here").iterdir())) == int(processes or "1") or worker.process.poll() is not None
    )
    worker.terminate()
    assert worker.exit_code() == EXIT_CODE == 143, worker.log_file.read_text()
    result = next(tmp_path.rglob("result-*.json")).read_text()
    assert result == RESULT


def test_its_words_are_those_of_any_other_end() -> None:
    assert RESULT.encode() == encode(failure_document(TrainerError(Reason.INTERRUPTED, NOTHING_SAVED)))
    assert EXIT_CODES[Reason.INTERRUPTED] == EXIT_CODE


def test_hardly_anything_is_imported_before_the_signal_is_heard() -> None:
    shown = "import sys; before = set(sys.modules); import limbeck_trainer.early; print(*(set(sys.modules) - before))"
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "runtime" / "trainer")}
    loaded = subprocess.run([sys.executable, "-c", shown], env=variables, capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert "limbeck_trainer.early" in modules
    assert not {"json", "argparse", "pathlib", "limbeck_trainer.errors", "http", "numpy", "torch"} & modules


def test_a_result_that_cannot_be_written_leaves_the_exit_code(tmp_path: Path) -> None:
    script = (
        "import os, signal; from limbeck_trainer.early import heed_sigterm; heed_sigterm(); signal.raise_signal(15)"
    )
    variables = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "runtime" / "trainer"),
        "LIMBECK_RESULT_FILE": str(tmp_path / "no" / "such" / "folder"),
    }
    ended = subprocess.run([sys.executable, "-c", script], env=variables, check=False)
    assert ended.returncode == EXIT_CODE
