"""Whole trainings on this machine's GPU: of digits and of a language model that is exported in int8, in each precision
in turn, so that the lower ones stand beside float32 of the same run; and its collective library. One line of JSON each,
and all in build/bench/training-gpu.json.

Usage: PYTHONPATH=runtime/trainer python3 bench/training/gpu.py [ROUNDS], in the repository, with a GPU and what the
trainer needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
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
from limbeck_trainer.json_text import json_file, json_text
from support import Document, config_document

CNN = {"kind": "cnn", "channels": [64, 128], "hidden": 256}
# Ten million parameters over bytes.
DECODER = {"kind": "transformer", "layers": 6, "heads": 6, "width": 384, "contextLength": 256}
REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = "float32"
Found = dict[str, object]


def run(document: Document, folder: str) -> Found:
    """What the trainer itself says of a run, how it ended, how many answers of its progress were no JSON, and the last
    samples a second among them."""
    config, result, log = (Path(folder, name) for name in ("config.json", "result.json", "log.txt"))
    config.write_text(json_text(document))
    env = {**os.environ, "LIMBECK_RESULT_FILE": str(result), "LIMBECK_SCRATCH": folder}
    command = [sys.executable, "-m", "limbeck_trainer", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    answers = unclear = 0
    rate = None
    while process.poll() is None:
        time.sleep(0.02)
        with contextlib.suppress(OSError):
            answer = urllib.request.urlopen(f"http://127.0.0.1:{document['progressPort']}/progress", timeout=5).read()
            answers += 1
            # What JSON.parse of the operator refuses, Python takes.
            unclear += b"NaN" in answer or b"Infinity" in answer
            rate = json.loads(answer).get("samplesPerSecond") or rate
    said = json.loads(result.read_text()) if result.exists() else {"log": log.read_text()[-2000:]}
    return {"code": process.returncode, "answers": answers, "unclear": unclear, "samplesPerSecond": rate, **said}


def trained(precision: str) -> Found:
    """A run on digits."""
    with tempfile.TemporaryDirectory() as folder:
        optimization = {"epochs": 30, "learningRate": 0.003, "precision": precision}
        document = config_document(Path(folder).as_uri(), model=CNN, optimization=optimization)
        return {"model": "cnn", "precision": precision, **run(document, folder)}


def written(precision: str) -> Found:
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
        optimization |= {"weightDecay": 0.1, "clipNorm": 1, "precision": precision}
        document = config_document(
            Path(folder).as_uri(), task="causalLM", model=DECODER, data=data, optimization=optimization
        )
        said = {"model": "decoder", "precision": precision, **run(document, folder)}
        artefact = said.get("artefact")
        if not isinstance(artefact, dict):
            return said
        manifest = json.loads(Path(artefact["uri"].removeprefix("file://"), "manifest.json").read_text())
        return {**said, "weights": manifest["weights"], "sizeBytes": manifest["sizeBytes"]}


def nccl() -> Found:
    """A group of one: a GPU takes no second rank."""
    dist.init_process_group("nccl", init_method="tcp://127.0.0.1:29511", rank=0, world_size=1)
    value = torch.full((1024,), 3.0, device="cuda")
    dist.all_reduce(value)
    dist.broadcast(value, src=0)
    dist.destroy_process_group()
    version = torch.cuda.nccl.version()  # type: ignore[no-untyped-call]
    return {"nccl": ".".join(map(str, version)), "sum": float(value.sum())}


def measured(rounds: int) -> Iterator[Found]:
    """One after the other: there is one GPU."""
    yield {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    for _ in range(rounds):
        yield from (trained(precision) for precision in (REFERENCE, "bfloat16", "float16"))
        yield from (written(precision) for precision in (REFERENCE, "bfloat16"))
    yield nccl()


def ratios(found: list[Found]) -> dict[str, dict[str, float]]:
    """Samples a second of each model and precision to those of the reference in the same round."""
    rates: dict[tuple[object, object], list[float]] = {}
    for one in found:
        rate = one.get("samplesPerSecond")
        if isinstance(rate, float):
            rates.setdefault((one["model"], one["precision"]), []).append(rate)
    return {
        f"{model}, {precision}": spread([ours / its for ours, its in zip(each, rates[model, REFERENCE], strict=True)])
        for (model, precision), each in rates.items()
        if precision != REFERENCE
    }


def spread(values: list[float]) -> dict[str, float]:
    """The median and both ends, as bench/measure.ts writes them."""
    ends = {"median": statistics.median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in ends.items()}


def main(rounds: int) -> None:
    """Prints as it goes and keeps all of it."""
    results = []
    for found in measured(rounds):
        results.append(found)
        print(json_text(found), flush=True)
    record = {
        "name": "training-gpu",
        "reference": f"{REFERENCE}, in turn",
        "ratios": ratios(results),
        "results": results,
    }
    print(json_text(record["ratios"]), flush=True)
    folder = REPOSITORY / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training-gpu.json").write_bytes(json_file(record))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
