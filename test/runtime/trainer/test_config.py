"""The trainer's side of the contract: what the schema accepts it reads, what the schema refuses it refuses."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from limbeck_trainer.config import Response, parse_config, read_config
from limbeck_trainer.data_config import Mirrored, Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Cnn, Mlp
from limbeck_trainer.optimization import Optimization
from support import config_document, contract

SHA = "a" * 64
DISTILLATION = {
    "teacher": {"uri": "s3://limbeck/models/" + SHA, "sha256": SHA},
    "method": {"kind": "response", "temperature": 4, "alpha": 0.9},
    "control": True,
}
S3 = {"kind": "s3", "uri": "s3://limbeck/data.npz", "sha256": SHA}
PVC = {"kind": "pvc", "claim": "disk", "path": "/data/table.csv"}
HF = {"kind": "hf", "uri": "s3://limbeck/datasets/iris", "split": "train"}
WHERE = {"mirror": "https://hub/", "repository": "a/b", "revision": "main", "folder": "c"}
MIRROR = {"kind": "hf", **WHERE, "split": "train", "limitBytes": 9}
HTTPS = {"kind": "https", "url": "https://host/t.csv", "sha256": SHA, "limitBytes": 9}
SPLIT = {"validation": 0, "test": 0.2, "seed": 0}


TRANSFORMER = {"kind": "transformer", "layers": 2, "heads": 4, "width": 64, "contextLength": 32}
FOLDER = {"kind": "s3", "uri": "s3://limbeck/models/bert"}
PRETRAINED = {"kind": "pretrained", "source": FOLDER, "contextLength": 32}


def document(**changes: Any) -> dict[str, Any]:
    return config_document("s3://limbeck", **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": {"kind": "linear"}},
        {"model": PRETRAINED},
        {"model": {**PRETRAINED, "source": {**FOLDER, "sha256": SHA}}, "task": "causalLM"},
        {"model": {"kind": "cnn", "channels": [16, 32], "hidden": 64}},
        {"data": {"source": S3, "split": SPLIT, "labelled": 100}, "distillation": DISTILLATION},
        {"optimization": {"optimizer": "sgd", "schedule": "constant", "learningRate": 1}},
        {"distribution": {"strategy": "fsdp"}},
        {"task": "regression", "data": {"source": PVC, "split": SPLIT, "stream": {"window": 2}}},
        {"data": {"source": S3, "split": SPLIT, "format": "csv", "columns": {"target": "a"}, "labels": ["a", "b"]}},
        {"data": {"source": HF, "split": SPLIT}},
        {"data": {"source": {**MIRROR, "sha256": SHA}, "split": SPLIT, "stream": {"window": 2}}},
        {"task": "causalLM", "model": TRANSFORMER, "data": {"source": PVC, "split": SPLIT, "format": "text"}},
        {"model": TRANSFORMER, "data": {"source": PVC, "split": SPLIT, "columns": {"text": "body", "target": "kind"}}},
        {"task": "causalLM", "model": {**TRANSFORMER, "tokenizer": {"uri": "s3://limbeck/tokenizers/mine"}}},
        {"data": {"source": HTTPS, "split": SPLIT, "image": {"height": 8, "width": 8, "channels": 3}}},
    ],
)
def test_reads_what_the_contract_allows(changes: dict[str, Any]) -> None:
    jsonschema.validate(document(**changes), contract("trainer-config"))
    parse_config(document(**changes))


WRONG: list[tuple[str, list[str], Any, str]] = [
    ("unknown model", ["model"], {"kind": "rnn"}, "model.kind must be one of linear, mlp, cnn, transformer, pre"),
    ("two members", ["model"], {"kind": "linear", "hidden": [4]}, "model.hidden is not a known field"),
    ("zero width", ["model"], {"kind": "mlp", "hidden": [16, 0]}, "model.hidden[1] must be at least 1, not 0"),
    ("no layer", ["model"], {"kind": "mlp", "hidden": []}, "model.hidden must be a list of at least one whole number"),
    ("no context", ["model"], {**TRANSFORMER, "contextLength": 1}, "model.contextLength must be at least 2, not 1"),
    ("foreign tokenizer", ["model"], {**TRANSFORMER, "tokenizer": {"uri": "x"}}, "model.tokenizer.uri must match"),
    ("no texts", ["model"], {**PRETRAINED, "contextLength": 1}, "model.contextLength must be at least 2, not 1"),
    ("a Hub's model", ["model"], {**PRETRAINED, "source": {**FOLDER, "uri": "x"}}, "model.source.uri must match"),
    ("a model of a PVC", ["model"], {**PRETRAINED, "source": PVC}, "model.source.kind must be one of s3, not 'pvc'"),
    ("batch of zero", ["optimization", "batchSize"], 0, "optimization.batchSize must be at least 1, not 0"),
    ("rate of zero", ["optimization", "learningRate"], 0, "optimization.learningRate must be greater than 0, not 0"),
    ("unknown strategy", ["distribution"], {"strategy": "ps"}, "distribution.strategy must be one of auto, ddp, fsdp"),
    ("half an epoch", ["optimization", "epochs"], 1.5, "optimization.epochs must be a whole number, not 1.5"),
    ("flag for a number", ["optimization", "seed"], True, "optimization.seed must be a whole number, not True"),
    ("all for the test", ["data", "split", "test"], 1, "data.split.test must be less than 1, not 1"),
    ("unknown version", ["contractVersion"], "v2", "contractVersion must be one of v1, not 'v2'"),
    ("unknown field", ["colour"], "red", "colour is not a known field"),
    ("attempt zero", ["run", "attempt"], 0, "run.attempt must be at least 1, not 0"),
    ("no object", ["store"], [], "store must be an object, not []"),
    ("bad port", ["progressPort"], 70000, "progressPort must be at most 65535, not 70000"),
    ("foreign scheme", ["data", "source"], {"kind": "s3", "uri": "ftp://x"}, "data.source.uri must match"),
    ("no digest", ["data", "source"], {**HTTPS, "sha256": "abc"}, "data.source.sha256 must match"),
    ("a path of the caller", ["data", "source"], {**PVC, "path": "t.csv"}, "data.source.path must match"),
    ("a folder and a mirror", ["data", "source"], {**MIRROR, "uri": "s3://b/i"}, "source.uri is not a known field"),
    ("a foreign mirror", ["data", "source"], {**MIRROR, "mirror": "ftp://hub"}, "data.source.mirror must match"),
    ("a path for a name", ["data", "source"], {**MIRROR, "repository": "a/../b"}, "source.repository must match"),
    ("no revision", ["data", "source"], {**MIRROR, "revision": ""}, "data.source.revision must match"),
    ("a folder of the root", ["data", "source"], {**MIRROR, "folder": "/a"}, "data.source.folder must match"),
    ("no limit", ["data", "source"], {**MIRROR, "limitBytes": 0}, "data.source.limitBytes must be at least 1, not 0"),
    ("unknown format", ["data", "format"], "xlsx", "data.format must be one of npz, csv, parquet, jsonl, images, text"),
    ("a feature twice", ["data", "columns"], {"features": ["a", "a"]}, "features must not name anything twice"),
    ("two channels", ["data", "image"], {"height": 1, "width": 1, "channels": 2}, "must be 1 (grey) or 3 (colour)"),
    ("no window", ["data", "stream"], {"window": 0}, "data.stream.window must be at least 1, not 0"),
    (
        "alpha",
        ["distillation"],
        {**DISTILLATION, "method": {"kind": "response", "temperature": 4, "alpha": 2}},
        "at most",
    ),
]


@pytest.mark.parametrize(("path", "value", "sentence"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_refuses_what_the_contract_refuses(path: list[str], value: Any, sentence: str) -> None:
    wrong = changed(document(), path, value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, contract("trainer-config"))
    with pytest.raises(TrainerError, match="The config is not valid") as caught:
        parse_config(wrong)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert sentence in caught.value.message


def test_a_mirror_is_named_without_the_slash_at_its_end() -> None:
    config = parse_config(document(data={"source": MIRROR, "split": SPLIT}))
    assert config.data.source == Mirrored("https://hub", "a/b", "main", "c", "train", None, 9)


def test_misses_every_required_field_by_name() -> None:
    for key in contract("trainer-config")["required"]:
        incomplete = document()
        del incomplete[key]
        with pytest.raises(TrainerError, match=f"{key} is missing"):
            parse_config(incomplete)


def test_lists_all_mistakes_at_once() -> None:
    wrong = changed(changed(document(), ["optimization", "epochs"], 0), ["model", "kind"], "tree")
    del wrong["checkpoint"]["keep"]
    with pytest.raises(TrainerError) as caught:
        parse_config(wrong)
    for part in ("optimization.epochs", "model.kind", "checkpoint.keep is missing"):
        assert part in caught.value.message


def test_a_split_leaves_something_to_train_on() -> None:
    with pytest.raises(TrainerError, match="must leave something to train on"):
        parse_config(changed(document(), ["data", "split", "validation"], 0.8))


@pytest.mark.parametrize(
    ("task", "model", "sentence"),
    [
        ("causalLM", {"kind": "mlp", "hidden": [4]}, "must be transformer or pretrained for the task causalLM, not"),
        ("regression", PRETRAINED, "model.kind must be linear, mlp or cnn for the task regression, not pretrained"),
        ("regression", TRANSFORMER, "model.kind must be linear, mlp or cnn for the task regression"),
        ("causalLM", {**TRANSFORMER, "heads": 5}, "model.width must be a multiple of heads (5), not 64"),
    ],
)
def test_task_and_model_must_fit_each_other(task: str, model: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TrainerError) as caught:
        parse_config(document(task=task, model=model))
    assert sentence in caught.value.message


def test_parses_into_plain_values() -> None:
    changes = {"data": {"source": S3, "split": SPLIT, "labelled": 100}, "distillation": DISTILLATION}
    config = parse_config(document(model={"kind": "cnn", "channels": [16, 32], "hidden": 64}, **changes))
    assert config.model == Cnn((16, 32), 64)
    assert config.data.source == Stored("s3://limbeck/data.npz", SHA)
    assert config.distillation is not None
    assert config.distillation.method == Response(4.0, 0.9)
    assert parse_config(document()).model == Mlp((16,))


def test_fingerprint_follows_the_course_and_not_the_attempt() -> None:
    base = parse_config(document()).fingerprint
    assert parse_config(changed(document(), ["run", "attempt"], 2)).fingerprint == base
    assert parse_config(changed(document(), ["optimization", "seed"], 2)).fingerprint != base
    assert parse_config(document(model={"kind": "linear"})).fingerprint != base


def test_what_signs_an_address_is_in_no_lineage() -> None:
    source = {"kind": "https", "url": "https://me:secret@a.example/b.csv?key=canary", "sha256": SHA, "limitBytes": 9}
    told = document(data={"source": {**source, "url": "https://a.example/b.csv"}, "split": SPLIT})
    signed = document(data={"source": source, "split": SPLIT})
    assert parse_config(signed).course == parse_config(told).course
    assert parse_config(signed).course_sha256 == parse_config(told).course_sha256
    # The run itself is another one, as ever.
    assert parse_config(signed).fingerprint != parse_config(told).fingerprint


DEFAULTS = {
    "model": {"kind": "mlp", "hidden": (16,)},
    "data": {
        "source": {"name": "digits"},
        **{"validation": 0.1, "test": 0.2, "split_seed": 7, "labelled": None, "window": None},
        "reading": {
            **{"task": "classification", "format": None, "labels": (), "image": None},
            "columns": {"target": None, "features": (), "categorical": (), "text": None, "missing": "refuse"},
        },
    },
    "optimization": {
        **{"optimizer": "adam", "learning_rate": 0.01, "schedule": "oneCycle"},
        **{"epochs": 4, "batch_size": 64, "seed": 1},
        **{"warm_up": None, "weight_decay": 0.0, "clip_norm": None, "precision": "float32", "accumulate": 1},
        "early_stopping": None,
    },
    "distillation": None,
}
CHOSEN = {
    "model": PRETRAINED,
    "data": {
        **{"source": {**MIRROR, "sha256": SHA}, "split": SPLIT, "format": "jsonl", "labels": ["a", "b"], "labelled": 9},
        **{"columns": {"target": "a", "text": "b"}},
    },
    "optimization": {"weightDecay": 0.1, "accumulate": 2, "earlyStopping": {"patience": 2}},
    "distillation": DISTILLATION,
}


@pytest.mark.parametrize(
    ("changes", "fingerprint"),
    [
        ({}, "45998d67da63e92b05918bcfa56cff5301b527f9757f2ece38fe2b4166dda952"),
        (CHOSEN, "878ec5a991c685aecf6d8be605851fba5da17bd560f63e49419092cface60af2"),
    ],
    ids=["nothing", "much"],
)
def test_the_fingerprint_of_a_config_is_the_same_in_every_release(changes: dict[str, Any], fingerprint: str) -> None:
    """With another one, runs under way would begin anew when Limbeck is upgraded. A new field needs a default."""
    assert parse_config(document(**changes)).fingerprint == fingerprint


def test_no_default_changes() -> None:
    """What a config leaves out has no part in its fingerprint: runs would go on with another value than they had.

    A field that is new belongs here. One that should get another default has to get another name, too.
    """
    assert parse_config(document()).course == DEFAULTS


def test_a_new_setting_parts_only_those_who_choose_it() -> None:
    @dataclass(frozen=True)
    class Later(Optimization):
        momentum: float = 0.9

    now = parse_config(document(optimization={"weightDecay": 0.1}))
    later, other = (
        replace(now, optimization=Later(**asdict(now.optimization), **chosen)) for chosen in ({}, {"momentum": 0.5})
    )
    assert later.fingerprint == now.fingerprint != other.fingerprint
    # The lineage names every value, and so its digest is of all of them.
    assert len({config.course_sha256 for config in (now, later, other)}) == 3


@pytest.mark.parametrize(("text", "sentence"), [("{", "is not JSON"), ("[]", "must be a JSON object")])
def test_a_file_that_is_no_config(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TrainerError, match=sentence):
        read_config(tmp_path / "config.json")
    with pytest.raises(TrainerError, match="cannot be read"):
        read_config(tmp_path / "absent.json")


def changed(base: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(base)
    target = result
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return result
