"""A program of one's own under contract v1: least squares over torch.distributed, as every rank runs it.

x and y are random, [100, 10] each; the mean squared error is lowered by SGD with rate 0.01 over 10 epochs. Each rank
has its share of the rows, and DistributedDataParallel averages their gradients.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import time

import torch
import torch.distributed as dist
from limbeck_custom import Failure, Job
from torch import nn
from torch.nn.parallel import DistributedDataParallel

SAMPLES, FEATURES = 100, 10


def main() -> None:
    """Trains, measures, publishes; leaving the block ends the process with the exit code that belongs to it."""
    with Job.start() as job:
        began, optimization = time.monotonic(), job.config["optimization"]
        torch.manual_seed(optimization["seed"])
        x, y = torch.randn(SAMPLES, FEATURES), torch.randn(SAMPLES, FEATURES)
        model = nn.Linear(FEATURES, FEATURES)
        with job.collective():
            dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
            parallel = DistributedDataParallel(model)
        steps = train(job, parallel, x, y)
        if job.rank == 0:
            job.progress(phase="exporting")
            errors = (model(x) - y).detach()
            explained = 1 - errors.square().sum(0) / (y - y.mean(0)).square().sum(0)
            figures = {"mae": errors.abs().mean(), "rmse": errors.square().mean().sqrt(), "r2": explained.mean()}
            metrics = {"n": SAMPLES, **{name: {"value": float(value)} for name, value in figures.items()}}
            lineage = {
                "dataSha256": hashlib.sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest(),
                "splitSeed": job.config["data"]["split"]["seed"],
                "seed": optimization["seed"],
                "worldSize": job.world_size,
                "torch": torch.__version__,
            }
            tensor = {"datatype": "FP32", "shape": [-1, FEATURES]}
            inputs, outputs = [{"name": "input", **tensor}], [{"name": "prediction", **tensor}]
            artefact = job.publish(onnx_of(model), inputs, outputs, opset=17, metrics=metrics, lineage=lineage)
            job.succeed(artefact, metrics, lineage=lineage, steps=steps, seconds=time.monotonic() - began)


def train(job: Job, parallel: DistributedDataParallel, x: torch.Tensor, y: torch.Tensor) -> int:
    """All epochs, from the newest checkpoint; the number of steps."""
    optimization = job.config["optimization"]
    optimizer = torch.optim.SGD(parallel.parameters(), lr=optimization["learningRate"])
    epochs, batch = optimization["epochs"], optimization["batchSize"]
    steps = epochs * -(-SAMPLES // batch)
    step = resume(job, parallel.module)
    job.progress(phase="training", epochs=epochs, steps=steps, step=step)
    try:
        while step < steps:
            if job.stopping:
                raise Failure("Interrupted", f"Stopped by SIGTERM at step {step} of {steps}.", step)
            first = step * batch % (batch * -(-SAMPLES // batch))
            whole = torch.arange(first, min(first + batch, SAMPLES))
            rows = whole[job.rank :: job.world_size]
            optimizer.zero_grad()
            with job.collective():
                # A part of the whole batch's mean, and not a mean of its own: shares are of unequal size, or empty.
                loss = (parallel(x[rows]) - y[rows]).square().sum() * job.world_size / y[whole].numel()
                loss.backward()
            if not torch.isfinite(loss):
                raise Failure("NonFiniteLoss", "The loss is not finite. Lower optimization.learningRate.", step)
            optimizer.step()
            step += 1
            job.progress(step=step, epoch=-(-step * epochs // steps), loss=float(loss))
    except Failure as failure:
        # Another rank may be stopped a step earlier: whoever loses it has its last whole step all the same.
        if job.rank == 0 and failure.reason in ("Interrupted", "PeerLost"):
            save(job, parallel.module, step)
        raise
    if job.rank == 0:
        save(job, parallel.module, step)
    return steps


def save(job: Job, model: nn.Module, step: int) -> None:
    """The weights are all that SGD keeps; no numbers, as after another rank's loss that was none, are not kept."""
    weights, buffer = model.state_dict(), io.BytesIO()
    if all(torch.isfinite(it).all() for it in weights.values()):
        torch.save(weights, buffer)
        job.save_checkpoint(step, buffer.getvalue())


def resume(job: Job, model: nn.Module) -> int:
    """The step of the newest checkpoint, its weights in the model; all ranks look, and find the same."""
    newest = job.newest_checkpoint()
    if newest is None:
        return 0
    model.load_state_dict(torch.load(io.BytesIO(newest[1]), weights_only=True))
    return newest[0]


def onnx_of(model: nn.Module) -> bytes:
    """Any batch size in, any batch size out."""
    buffer = io.BytesIO()
    axes = {"input": {0: "batch"}, "prediction": {0: "batch"}}
    names = {"input_names": ["input"], "output_names": ["prediction"], "dynamic_axes": axes}
    torch.onnx.export(model, (torch.zeros(2, FEATURES),), buffer, opset_version=17, **names)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
