"""What is refused before it is trained: models that no memory, or no file, can hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from limbeck_trainer import export
from limbeck_trainer.choosing import choose, shortage_here
from limbeck_trainer.config import parse_config
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Builtin
from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.loop import material_of
from limbeck_trainer.samples import Rows
from limbeck_trainer.store import Store
from support import alone, config_document, run_here, session
from workers import start_workers

GIB = 2**30


def test_a_model_that_memory_cannot_hold_ends_before_it_is_trained(tmp_path: Path, store: str) -> None:
    document = config_document(store, model={"kind": "mlp", "hidden": [8000, 8000]})
    (worker,) = start_workers(tmp_path, document, 1, {"LIMBECK_MEMORY_BYTES": str(GIB)})
    assert worker.exit_code() == 78, worker.log_file.read_text()
    result = worker.result()
    assert (result["reason"], worker.says("epoch trained")) == ("ConfigInvalid", False)
    assert "The model has 64,608,010 parameters: to train and save it takes at least 1.93 GiB in" in result["message"]
    assert result["message"].endswith("Raise placement.resources.limits.memory, or take a smaller model.")


def test_a_model_that_no_file_can_hold_ends_before_it_is_trained(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the memory; what a file really holds would be gigabytes here, too."""
    monkeypatch.setattr(export, "MOST_BYTES", 4 * 1209)
    lines: list[str] = []
    with pytest.raises(TrainerError, match=r"The model has 1,210 parameters: .* as an exported model\. A") as caught:
        run_here(config_document(store), lines.append)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert "take a smaller model, smaller samples or, of texts, a tokenizer with fewer tokens." in caught.value.message
    assert not any("strategy chosen" in line for line in lines)
    monkeypatch.setattr(export, "MOST_BYTES", 4 * 1210)
    assert run_here(config_document(store, optimization={"epochs": 1}))["outcome"] == "succeeded"


def test_a_gpu_does_not_hold_the_checkpoint_and_the_machine_has_to(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    """Its own memory is what torch says, the machine's what the pod may have."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (80 * GIB, 80 * GIB))
    config, gpu = parse_config(config_document(store)), torch.device("cuda", 0)
    environment = replace(alone(), memory_bytes=4 * GIB, local_world_size=2)
    short = shortage_here(config, environment, gpu)
    assert short(10**6) is None
    assert "takes at least 4.47 GiB of the machine's memory in each process, and" in (short(200 * 10**6) or "")
    assert shortage_here(config, replace(environment, memory_bytes=64 * GIB), gpu)(200 * 10**6) is None


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_it_is_told_what_the_training_computes_on(monkeypatch: pytest.MonkeyPatch, store: str, device: str) -> None:
    """An image without CUDA takes the CPU of a pod that holds a GPU, and nothing else would show it."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (80 * GIB, 80 * GIB))
    rows, peers, said = np.arange(256), Peers(alone()), session(config_document(store))
    material = material_of(load_data(Builtin("digits"), Store()), Rows(rows, rows, rows, rows), torch.device("cpu"))
    peers.device = torch.device(device)
    choose(said, alone(), peers, material)
    distribution = said.board.progress.distribution
    assert distribution is not None
    assert distribution.document()["device"] == device
