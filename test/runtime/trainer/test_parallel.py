"""Real groups over gloo: however a model is spread, it is the same model, and so are its checkpoints."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from groups import rank_of, run_group
from limbeck_trainer.environment import Environment
from limbeck_trainer.sharded import Sharded
from support import PATIENCE_SECONDS, Document, attempt, config_document, digits_file, free_port
from workers import PRELOADED, forkserver

CNN = {"kind": "cnn", "channels": [8, 16], "hidden": 32}
WIDTHS = {"alone": 1, "ddp": 2, "fsdp": 2}


def config(store: Path, strategy: str, **optimization: Any) -> Document:
    wanted = "auto" if strategy == "alone" else strategy
    return config_document(store.as_uri(), model=CNN, distribution={"strategy": wanted}, optimization=optimization)


def weights(store: Path) -> dict[str, torch.Tensor]:
    """Of the newest checkpoint."""
    file = max(store.rglob("step-*.pt"), key=lambda path: path.name)
    model: dict[str, torch.Tensor] = torch.load(file, weights_only=True)["engine"]["model"]
    return model


def assert_same(found: Path, expected: Path) -> None:
    """The same weights, up to what the order of additions does over some tens of steps."""
    theirs = weights(found)
    for name, value in weights(expected).items():
        torch.testing.assert_close(
            theirs[name], value, rtol=1e-2, atol=2e-3, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(
    "optimization",
    [
        {},
        {"optimizer": "adamw", "weightDecay": 0.1, "clipNorm": 0.5, "schedule": "cosine", "warmUp": 0.1},
        {"optimizer": "sgd", "learningRate": 0.1, "accumulate": 3},
    ],
    ids=["adam", "clipped adamw", "accumulated sgd"],
)
def test_every_strategy_trains_the_same_model(tmp_path: Path, optimization: Document) -> None:
    ends = {}
    for strategy, width in WIDTHS.items():
        ended = run_group(
            tmp_path / f"w-{strategy}", config(tmp_path / strategy, strategy, epochs=3, **optimization), width
        )
        assert ended.line("strategy chosen")["strategy"] == strategy
        ends[strategy] = ended.result
    for strategy in ("ddp", "fsdp"):
        assert_same(tmp_path / strategy, tmp_path / "alone")
        accuracies = [ends[name]["metrics"]["accuracy"]["value"] for name in (strategy, "alone")]
        assert abs(accuracies[0] - accuracies[1]) < 0.01


@pytest.mark.parametrize(
    ("first", "then", "optimizer"),
    [
        ("fsdp", "alone", "adam"),
        ("alone", "fsdp", "adam"),
        ("fsdp", "ddp", "adam"),
        ("fsdp", "fsdp", "adam"),
        # Which keeps nothing of a weight.
        ("fsdp", "fsdp", "sgd"),
    ],
)
def test_a_checkpoint_of_one_strategy_and_width_is_one_of_every_other(
    tmp_path: Path, first: str, then: str, optimizer: str
) -> None:
    """Stopped in the middle of an epoch, resumed as something else: it ends like a training that was never stopped."""
    run_group(tmp_path / "whole", config(tmp_path / "a", "alone", optimizer=optimizer), 1)
    document = config(tmp_path / "b", first, optimizer=optimizer)
    stopped = run_group(tmp_path / "first", document, WIDTHS[first], stop_after=30)
    assert [result and result["reason"] for result in stopped.results] == ["Interrupted"] * WIDTHS[first]
    assert "at step 30 of 80 (model); checkpoint file:" in stopped.result["message"]
    again = attempt({**document, "distribution": {"strategy": "auto" if then == "alone" else then}}, 2)
    resumed = run_group(tmp_path / "then", again, WIDTHS[then]).result
    assert (resumed["resumedFromStep"], resumed["steps"]) == (30, 80)
    assert_same(tmp_path / "b", tmp_path / "a")


def _gone_while_saving(folder: Path, document: Document, environment: Environment) -> None:
    """Rank 1 is killed where its part of the state is asked for."""
    if environment.rank != 0:
        setattr(Sharded, "weights", lambda _self: os._exit(9))  # noqa: B010 - the types would not have it
    rank_of(folder, document, environment, stop_after=3)


def test_a_worker_that_is_lost_while_a_divided_model_is_saved_is_no_crash_of_the_others(tmp_path: Path) -> None:
    forkserver.set_forkserver_preload(PRELOADED)
    document, port = config(tmp_path / "s", "fsdp"), free_port()
    ranks = [
        forkserver.Process(
            target=_gone_while_saving, args=(tmp_path, document, Environment(rank, 2, "127.0.0.1", port, 1, tmp_path))
        )
        for rank in range(2)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in ranks] == [0, 9]
    result = json.loads((tmp_path / "0.json").read_text())
    assert result["reason"] == "Interrupted"
    assert "at step 3 of 80 (model); no new checkpoint, for the model was divided" in result["message"]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_group_whose_data_has_changed_ends_for_that_reason(tmp_path: Path, strategy: str) -> None:
    source = {"kind": "s3", "uri": digits_file(tmp_path)}
    data = {"source": source, "split": {"validation": 0, "test": 0.25, "seed": 0}}
    changes = {"model": {"kind": "linear"}, "data": data, "distribution": {"strategy": strategy}}
    document = config_document((tmp_path / "s").as_uri(), **changes)
    run_group(tmp_path / "first", document, 2, stop_after=2)
    digits_file(tmp_path, y=np.arange(200) % 5)
    ended = run_group(tmp_path / "then", attempt(document, 2), 2)
    assert [result and result["reason"] for result in ended.results] == ["DataInvalid", "PeerLost"]
    assert "and the checkpoint of step 2 was trained on" in ended.result["message"]


def test_a_training_that_leaves_the_numbers_keeps_its_last_good_checkpoint(tmp_path: Path) -> None:
    """Weights that grow at each step, and are still numbers at the thirtieth."""
    rates = {"optimizer": "sgd", "schedule": "constant", "learningRate": 1, "weightDecay": 2.1, "epochs": 200}
    document = config_document((tmp_path / "s").as_uri(), optimization=rates)
    run_group(tmp_path / "first", document, 2, stop_after=30)
    ended = run_group(tmp_path / "then", attempt(document, 2), 2)
    assert [result and result["reason"] for result in ended.results] == ["NonFiniteLoss"] * 2
    assert "the last good checkpoint is kept" in ended.result["message"]
    assert ended.result["step"] > 30
    newest = max((tmp_path / "s").rglob("step-*.pt"), key=lambda path: path.name)
    assert newest.name == "step-00000030.pt"
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path / "s").values())


def test_weights_that_are_no_numbers_are_never_a_checkpoint(tmp_path: Path) -> None:
    """The loss of the only step was one: what came of it is not."""
    rates = {"optimizer": "sgd", "schedule": "constant", "learningRate": 1e39}
    document = config_document((tmp_path / "s").as_uri(), optimization=rates)
    ended = run_group(tmp_path / "w", document, 1, stop_after=1)
    assert ended.result["reason"] == "NonFiniteLoss"
    assert ended.result["message"].startswith("The weights are not finite at step 1 of 80")
    assert not list((tmp_path / "s").rglob("step-*"))


@pytest.mark.parametrize("strategy", WIDTHS)
def test_early_stopping_keeps_the_best_weights(tmp_path: Path, strategy: str) -> None:
    """A rate at which the loss soon rises again; rank 1 stops with rank 0, or nobody would end."""
    optimization = {"schedule": "constant", "learningRate": 0.03, "epochs": 60, "earlyStopping": {"patience": 2}}
    ended = run_group(tmp_path / "w", config(tmp_path / "s", strategy, **optimization), WIDTHS[strategy])
    best = ended.line("training stopped early")["bestStep"]
    assert ended.result["steps"] == best + 40 < 1200
    state = torch.load(max((tmp_path / "s").rglob("step-*.pt"), key=lambda path: path.name), weights_only=True)
    epochs = {point["step"]: point["validationLoss"] for point in state["history"]}
    assert epochs[best] == min(epochs.values()) == state["patience"]["best"]
    assert not torch.equal(state["best"]["1.weight"], state["engine"]["model"]["1.weight"])
    again = attempt(config(tmp_path / "s", strategy, **optimization), 2)
    resumed = run_group(tmp_path / "again", again, WIDTHS[strategy]).result
    assert resumed["artefact"]["sha256"] == ended.result["artefact"]["sha256"]
