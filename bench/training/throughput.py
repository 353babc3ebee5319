"""Our loop and a plain PyTorch script of the same model, alternating in one process (or one group): JSON on stdout.

Usage: python3 throughput.py ROUNDS. Run by bench/training/run.ts inside the trainer image.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "runtime" / "trainer"))

import torch
import torch.distributed as dist
from limbeck_trainer.data import load_data
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.json_text import json_text
from limbeck_trainer.loop import Training, material_of
from limbeck_trainer.losses import cross_entropy
from limbeck_trainer.model_config import Cnn, Mlp
from limbeck_trainer.models import build_model, normalisation_of
from limbeck_trainer.plan import Plan
from limbeck_trainer.session import Material, Session, Stage
from limbeck_trainer.split import split_rows
from support import alone, config_document, free_port, session
from torch import nn
from torch.nn.parallel import DistributedDataParallel

EPOCHS, BATCH, RATE = 5, 64, 0.003
MODELS = {
    "cnn 16-32/64": {"kind": "cnn", "channels": [16, 32], "hidden": 64},
    "mlp 64": {"kind": "mlp", "hidden": [64]},
}


def now(peers: Peers) -> float:
    """Seconds, when all that was asked of the device is done."""
    if peers.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def ours(session: Session, peers: Peers, material: Material) -> float:
    """Seconds of the loop itself: without starting, without the checkpoint at its end."""
    plan = Plan(material.rows.train, BATCH, 1)
    steps = plan.steps_per_epoch * EPOCHS
    strategy = "alone" if peers.world_size == 1 else "ddp"
    stage = Stage("model", plan, cross_entropy(material.y), strategy, steps, plan.steps_per_epoch)
    training = Training(session, peers, material, stage)
    began = now(peers)
    training._train()
    return now(peers) - began


def plain(session: Session, peers: Peers, material: Material) -> float:
    """What one writes by hand: a permutation for each epoch and its slices; no log, checkpoint or check of the loss."""
    torch.manual_seed(1)
    dataset, rows = material.dataset, torch.from_numpy(material.rows.train).to(peers.device)
    kind = session.config.model
    assert isinstance(kind, Cnn | Mlp)
    normalise = normalisation_of(dataset.x[material.rows.train])
    model: nn.Module = build_model(kind, normalise, dataset.shape, len(dataset.labels))
    model.to(peers.device)
    if peers.world_size > 1:
        model = DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    x, y = material.x, material.y
    began = now(peers)
    for _ in range(EPOCHS):
        order = rows[torch.randperm(len(rows), device=peers.device)]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH][peers.rank :: peers.world_size]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return now(peers) - began


def compare(environment: Environment, rounds: int) -> None:
    """Alternates; rank 0 prints one line for each model with the ratios of the pairs, plain / ours."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    peers = Peers(environment)
    for name, model in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            document = config_document(Path(folder).as_uri(), model=model)
            document["optimization"] |= {"learningRate": RATE, "schedule": "constant", "epochs": EPOCHS}
            document["data"]["split"]["validation"] = 0
            opened = session(document)
            data = opened.config.data
            dataset = load_data(data.source, opened.store)
            material = material_of(dataset, split_rows(dataset.y, data), peers.device)
            sides = (ours, plain)
            seconds: list[list[float]] = [[], []]
            for index in range(rounds + 1):
                for side in (0, 1) if index % 2 else (1, 0):
                    if peers.world_size > 1:
                        dist.barrier()
                    took = sides[side](opened, peers, material)
                    # The first pair warms up.
                    if index > 0:
                        seconds[side].append(took)
        if peers.leads:
            samples = len(material.rows.train) * EPOCHS
            ratios = [theirs / mine for mine, theirs in zip(*seconds, strict=True)]
            rates = [[samples / value for value in side] for side in seconds]
            where = {"model": name, "processes": peers.world_size, "device": peers.device.type}
            line = {**where, "ratios": ratios, "ours": rates[0], "plain": rates[1]}
            print(json_text(line), flush=True)


def main() -> None:
    """One process, then two."""
    rounds = int(sys.argv[1])
    compare(alone(), rounds)
    # A GPU takes no second rank.
    if torch.cuda.device_count() == 1:
        return
    # Who has run a backward pass cannot be forked.
    fork = multiprocessing.get_context("spawn")
    port = free_port()
    group = [
        fork.Process(target=compare, args=(Environment(rank, 2, "127.0.0.1", port, 1, Path("/dev/null")), rounds))
        for rank in range(2)
    ]
    for process in group:
        process.start()
    for process in group:
        process.join()
    sys.exit(max(process.exitcode or 0 for process in group))


if __name__ == "__main__":
    main()
