"""The example of a program of one's own: the paper's, on two workers."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnxruntime
import pytest
import torch
from custom_programs import document, start, step_of
from support import REPOSITORY, attempt, contract, progress_of, until

EXAMPLE = REPOSITORY / "examples" / "training" / "custom" / "train.py"


@pytest.mark.parametrize("batch", [100, 99], ids=["all samples at once", "a batch of one sample is left"])
def test_the_example_is_plain_gradient_descent_on_two_workers(store: str, tmp_path: Path, batch: int) -> None:
    workers = start(tmp_path, document(store, batch), [str(EXAMPLE)], 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    result = workers[0].result()
    jsonschema.validate(result, contract("trainer-result"))
    assert not workers[1].result_file.exists()
    model = Path(result["artefact"]["uri"].removeprefix("file://"))
    manifest = json.loads((model / "manifest.json").read_text())
    jsonschema.validate(manifest, contract("model-manifest"))
    torch.manual_seed(1)
    x, y = torch.randn(100, 10), torch.randn(100, 10)
    alone = torch.nn.Linear(10, 10)
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.01)
    for _ in range(10):
        for rows in torch.arange(100).split(batch):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(alone(x[rows]), y[rows]).backward()
            optimizer.step()
    session = onnxruntime.InferenceSession((model / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    torch.testing.assert_close(torch.from_numpy(session.run(None, {"input": x.numpy()})[0]), alone(x).detach())
    rmse = float((alone(x) - y).square().mean().sqrt())
    assert result["metrics"]["rmse"]["value"] == pytest.approx(rmse, rel=1e-4)


@pytest.mark.parametrize(
    ("stopped", "reasons"), [((0,), ("Interrupted", "PeerLost")), ((1,), ("PeerLost", "Interrupted"))]
)
def test_rank_0_of_the_example_saves_its_last_step_whoever_is_stopped_first(
    store: str, tmp_path: Path, stopped: tuple[int, ...], reasons: tuple[str, str]
) -> None:
    config = document(store)
    config["optimization"]["epochs"] = 1_000_000
    workers = start(tmp_path / "1", config, [str(EXAMPLE)], 2)
    until(lambda: any(worker.process.poll() is not None for worker in workers) or step_of(config) >= 3)
    for rank in stopped:
        workers[rank].terminate()
    codes = [worker.exit_code() for worker in workers]
    results = [worker.result() for worker in workers]
    assert [result["reason"] for result in results] == [*reasons], results
    assert codes == [{"Interrupted": 143, "PeerLost": 75}[reason] for reason in reasons]
    again = attempt(config, 2)
    workers = start(tmp_path / "2", again, [str(EXAMPLE)], 2)
    until(lambda: any(worker.process.poll() is not None for worker in workers) or step_of(again) > 3)
    assert progress_of(again)["resumedFromStep"] >= 3
