"""Whole trainings on this machine's GPU, of digits in each precision and of a language model that is exported in int8,
and its collective library: one line of JSON each, and all in build/bench/training-gpu.json.

Usage: PYTHONPATH=runtime/trainer python3 bench/training/gpu.py, in the repository, with a GPU and the trainer's packages.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "runtime" / "trainer"))

import torch
import torch.distributed as dist
from support import Document, config_document

CNN = {"kind": "cnn", "channels": [64, 128], "hidden": 256}
# Ten million parameters over bytes.
DECODER = {"kind": "transformer", "layers": 6, "heads": 6, "width": 384, "contextLength": 256}
REPOSITORY = Path(__file__).resolve().parents[2]


def run(document: Document, folder: str) -> dict[str, object]:
    """What the trainer itself says of a run, how it ended, and how many answers of its progress were no JSON."""
    config, result, log = (Path(folder, name) for name in ("config.json", "result.json", "log.txt"))
    config.write_text(json.dumps(document))
    env = {**os.environ, "LIMBECK_RESULT_FILE": str(result), "LIMBECK_SCRATCH": folder}
    command = [sys.executable, "-m", "limbeck_trainer", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    answers = unclear = 0
    while process.poll() is None:
        time.sleep(0.02)
        with contextlib.suppress(OSError):
            answer = urllib.request.urlopen(f"http://127.0.0.1:{document['progressPort']}/progress", timeout=5).read()
            answers += 1
            # What JSON.parse of the operator refuses, Python takes.
            unclear += b"NaN" in answer or b"Infinity" in answer
    said = json.loads(result.read_text()) if result.exists() else {"log": log.read_text()[-2000:]}
    return {"code": process.returncode, "answers": answers, "unclear": unclear, **said}


def trained(precision: str) -> dict[str, object]:
    """A run on digits."""
    with tempfile.TemporaryDirectory() as folder:
        optimization = {"epochs": 30, "learningRate": 0.003, "precision": precision}
        document = config_document(Path(folder).as_uri(), model=CNN, optimization=optimization)
        return {"precision": precision, **run(document, folder)}


def written() -> dict[str, object]:
    """A run on the documents of this repository; what the manifest says of its weights."""
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts")
        texts.mkdir()
        for number, page in enumerate(sorted(REPOSITORY.glob("docs/**/*.md"))):
            (texts / f"{number}.txt").write_text(page.read_text())
        data = {
            "source": {"kind": "pvc", "claim": "texts", "path": str(texts)},
            "format": "text",
            "split": {"validation": 0.1, "test": 0.2, "seed": 1},
        }
        optimization = {"optimizer": "adamw", "learningRate": 0.001, "epochs": 12, "batchSize": 32}
        optimization |= {"weightDecay": 0.1, "clipNorm": 1, "precision": "bfloat16"}
        document = config_document(
            Path(folder).as_uri(), task="causalLM", model=DECODER, data=data, optimization=optimization
        )
        said = run(document, folder)
        artefact = said.get("artefact")
        if not isinstance(artefact, dict):
            return said
        manifest = json.loads(Path(artefact["uri"].removeprefix("file://"), "manifest.json").read_text())
        return {**said, "weights": manifest["weights"], "sizeBytes": manifest["sizeBytes"]}


def nccl() -> dict[str, object]:
    """A group of one: a GPU takes no second rank."""
    dist.init_process_group("nccl", init_method="tcp://127.0.0.1:29511", rank=0, world_size=1)
    value = torch.full((1024,), 3.0, device="cuda")
    dist.all_reduce(value)
    dist.broadcast(value, src=0)
    dist.destroy_process_group()
    return {"nccl": ".".join(map(str, torch.cuda.nccl.version())), "sum": float(value.sum())}


def measured() -> Iterator[dict[str, object]]:
    """One after the other: there is one GPU."""
    yield {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    yield from (trained(precision) for precision in ("float32", "bfloat16", "float16"))
    yield written()
    yield nccl()


if __name__ == "__main__":
    results = []
    for found in measured():
        results.append(found)
        print(json.dumps(found), flush=True)
    record = {"name": "training-gpu", "reference": "float32, of the other precisions", "results": results}
    folder = REPOSITORY / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training-gpu.json").write_text(json.dumps(record, indent=2) + "\n")
