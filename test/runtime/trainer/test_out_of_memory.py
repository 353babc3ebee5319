"""Memory that runs out, by the real words of those who ask for it: told as such in every phase, and never as data."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
import torch
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.onnx_model import session_of
from limbeck_trainer.out_of_memory import is_out_of_memory, out_of_memory
from limbeck_trainer.progress import Progress
from onnx import TensorProto, helper
from support import alone, config_document, contract
from workers import start_program

# Of one allocation: more than any machine has addresses for.
HUGE = 1 << 60
CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB."


def in_onnx_runtime() -> None:
    node = helper.make_node("ConstantOfShape", ["shape"], ["y"])
    shape = helper.make_tensor_value_info("shape", TensorProto.INT64, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(helper.make_graph([node], "g", [shape], [y]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    session_of(model.SerializeToString(), 1).run(None, {"shape": np.array([1 << 45])})


def on_a_gpu() -> None:
    raise torch.OutOfMemoryError(CUDA)


def in_the_kernel() -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


ASKED: list[Callable[[], object]] = [
    lambda: bytearray(HUGE),
    lambda: np.zeros(HUGE >> 5),
    lambda: torch.empty(1 << 50),
    lambda: pa.allocate_buffer(1 << 50),
    in_onnx_runtime,
    on_a_gpu,
    in_the_kernel,
]


@pytest.mark.parametrize("ask", ASKED, ids=["Python", "numpy", "torch", "Arrow", "ONNX Runtime", "a GPU", "the kernel"])
def test_each_library_says_it_in_its_own_way(ask: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:
        ask()
    assert is_out_of_memory(caught.value)
    error = out_of_memory(caught.value, Progress(phase="training", step=7, steps=80))
    assert (error.reason, error.step) == (Reason.OUT_OF_MEMORY, 7)
    assert error.message.startswith("Out of memory while training at step 7 of 80: ")
    remedy = "larger GPUs" if ask is on_a_gpu else r"Raise placement.resources.limits.memory in a new job"
    assert remedy in error.message


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("the row 'out of memory' is no number"),
        TrainerError(Reason.DATA_INVALID, "out of memory.csv is no table."),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_other_trouble_is_none_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_it_is_not_taken_for_a_lost_peer() -> None:
    """NCCL tells it as an error of its own, which otherwise means that somebody is gone."""
    peers = Peers(alone())
    peers.world_size = 2
    with pytest.raises(RuntimeError, match="out of memory"), peers.guard():
        raise torch.distributed.DistBackendError("NCCL error: unhandled cuda error, Cuda failure 2 'out of memory'")


RUN = """
import numpy as np, torch
import limbeck_trainer.entry as one
def run(path, ending, interruption):
    ending.board.update(phase="PHASE", step=3, steps=9)
    ASK
one._run = run
one.main()
"""


@pytest.mark.parametrize(
    ("phase", "ask"),
    [
        ("training", f"raise torch.OutOfMemoryError('{CUDA}')"),
        ("evaluating", "np.zeros(1 << 55)"),
        ("exporting", "bytearray(1 << 60)"),
    ],
)
def test_it_ends_a_run_for_good_in_every_phase(tmp_path: Path, store: str, phase: str, ask: str) -> None:
    script = RUN.replace("PHASE", phase).replace("ASK", ask)
    command = [sys.executable, "-c", script, "--config", str(tmp_path / "config.json")]
    (worker,) = start_program(tmp_path, config_document(store), command, 1)
    code, result = worker.exit_code(), worker.result()
    jsonschema.validate(result, contract("trainer-result"))
    assert (code, result["reason"], result["step"]) == (71, "OutOfMemory", 3)
    assert result["message"].startswith(f"Out of memory while {phase} at step 3 of 9: ")
    assert worker.count("traceback") > 0


def test_a_model_that_no_memory_holds_ends_the_run_for_good(tmp_path: Path, store: str) -> None:
    """Where it is not foreseen: this pod is told to have more memory than there is. A model of 2.1 GB, in 1.5 GB."""
    document = config_document(store, model={"kind": "mlp", "hidden": [7_000_000]})
    trainer = f"{sys.executable} -m limbeck_trainer --config {tmp_path / 'config.json'}"
    command = ["sh", "-c", f"ulimit -d 1500000 && exec {trainer}"]
    (worker,) = start_program(tmp_path, document, command, 1, {"LIMBECK_MEMORY_BYTES": str(1 << 62)})
    assert (worker.exit_code(), worker.result()["reason"]) == (71, "OutOfMemory")
    assert "DefaultCPUAllocator: can't allocate memory" in worker.result()["message"]
    assert "Raise placement.resources.limits.memory in a new job" in worker.result()["message"]
