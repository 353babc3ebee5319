"""A main thread that does not come to look is not waited for: what is whole is saved beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import jsonschema
import pytest
from support import attempt, config_document, contract, run_here
from workers import start_program

# From the call on that is named the main thread is busy. It has half a second for what the store does not need.
BUSY = """
import os, sys, threading
from limbeck_trainer import entry, job, loop, rounds
from limbeck_trainer.engine import Engine
job.GRACE_SECONDS = loop.SETTLE_SECONDS + 0.5
owner, calls = {"gradients": Engine, "validated": rounds}[os.environ["NAME"]], 0
real = getattr(owner, os.environ["NAME"])
def busy(*given):
    global calls
    calls += 1
    if calls == int(os.environ["CALL"]):
        print('{"message": "busy"}', flush=True)
        threading.Event().wait()
    return real(*given)
setattr(owner, os.environ["NAME"], busy)
entry.main()
"""


@pytest.mark.parametrize(
    ("name", "call", "step"),
    [("gradients", 31, 30), ("gradients", 1, 0), ("validated", 2, 40), ("validated", 4, 80)],
    ids=["a step", "the first step", "a validation", "the last validation"],
)
def test_of_what_takes_too_long_the_last_whole_step_is_saved_and_gone_on_from(
    tmp_path: Path, store: str, name: str, call: int, step: int
) -> None:
    document = config_document(store)
    command = [sys.executable, "-c", BUSY, "--config", str(tmp_path / "w" / "config.json")]
    (worker,) = start_program(tmp_path / "w", document, command, 1, {"NAME": name, "CALL": str(call)})
    worker.wait_for("busy")
    worker.terminate()
    assert worker.exit_code() == 143, worker.log_file.read_text()
    result = worker.result()
    jsonschema.validate(result, contract("trainer-result"))
    assert (result["reason"], result["step"], result["checkpoint"]["step"]) == ("Interrupted", step, step)
    assert f"Stopped by SIGTERM at step {step} of 80 (model); checkpoint " in result["message"]
    resumed, whole = run_here(attempt(document, 2)), run_here(config_document(f"{store}-whole"))
    assert resumed.get("resumedFromStep", 0) == step
    assert (resumed["steps"], resumed["artefact"]["sha256"]) == (80, whole["artefact"]["sha256"])
