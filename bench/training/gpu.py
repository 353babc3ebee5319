"""Whole trainings on this machine's GPU in each precision, and its collective library: one line of JSON each.

Usage: PYTHONPATH=runtime/trainer python3 bench/training/gpu.py, in the repository, with a GPU and the trainer's packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "runtime" / "trainer"))

import torch
import torch.distributed as dist
from support import config_document

CNN = {"kind": "cnn", "channels": [64, 128], "hidden": 256}


def trained(precision: str) -> dict[str, object]:
    """What the trainer itself says of a run on digits, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        document = config_document(
            Path(folder).as_uri(), model=CNN, optimization={"epochs": 30, "learningRate": 0.003, "precision": precision}
        )
        config, result = Path(folder, "config.json"), Path(folder, "result.json")
        config.write_text(json.dumps(document))
        env = {**os.environ, "LIMBECK_RESULT_FILE": str(result), "LIMBECK_SCRATCH": folder}
        command = [sys.executable, "-m", "limbeck_trainer", "--config", str(config)]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
        said = json.loads(result.read_text()) if result.exists() else {"stderr": run.stderr[-2000:]}
        return {"precision": precision, "code": run.returncode, **said}


def nccl() -> dict[str, object]:
    """A group of one: a GPU takes no second rank."""
    dist.init_process_group("nccl", init_method="tcp://127.0.0.1:29511", rank=0, world_size=1)
    value = torch.full((1024,), 3.0, device="cuda")
    dist.all_reduce(value)
    dist.broadcast(value, src=0)
    dist.destroy_process_group()
    return {"nccl": ".".join(map(str, torch.cuda.nccl.version())), "sum": float(value.sum())}


if __name__ == "__main__":
    print(json.dumps({"device": torch.cuda.get_device_name(), "torch": torch.__version__}), flush=True)
    for one in ("float32", "bfloat16", "float16"):
        print(json.dumps(trained(one)), flush=True)
    print(json.dumps(nccl()), flush=True)
