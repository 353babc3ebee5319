"""A run has one tokenizer, or one pretrained model, from its first checkpoint on."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tiny_models
from limbeck_trainer.checkpoint import Checkpoints, Identity, Snap
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.log import Log
from limbeck_trainer.origins import check_origins
from limbeck_trainer.store import Store
from support import Document, attempt, config_document, run_here
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

ONE, OTHER = {"tokenizerSha256": "a"}, {"tokenizerSha256": "b"}


def checkpoint(root: Path, number: int = 1) -> None:
    """Of this attempt."""
    identity = Identity(root.as_uri(), number, "course", 2, "data")
    Checkpoints(Store(), identity, "model", Log({}, lambda _line: None)).save(Snap(10 * number, b"content"))


def test_one_without_a_checkpoint_binds_none_that_follows(tmp_path: Path) -> None:
    for now in (ONE, OTHER, OTHER):
        check_origins(Store(), tmp_path.as_uri(), now)
    checkpoint(tmp_path)
    check_origins(Store(), tmp_path.as_uri(), OTHER)
    with pytest.raises(
        TrainerError, match=r"The tokenizer has the sha256 a, and this run has .* began with b"
    ) as caught:
        check_origins(Store(), tmp_path.as_uri(), ONE)
    assert caught.value.reason is Reason.DATA_INVALID


@pytest.mark.parametrize("noted", [None, b"[]", b'{"tokeni', b"{}"])
def test_one_that_wrote_nothing_down_is_gone_on_from_and_binds_what_follows(
    tmp_path: Path, noted: bytes | None
) -> None:
    checkpoint(tmp_path)
    if noted is not None:
        (tmp_path / "origins.json").write_bytes(noted)
    check_origins(Store(), tmp_path.as_uri(), ONE)
    with pytest.raises(TrainerError, match=r"It was changed since the run began\. Put it back as it was, or"):
        check_origins(Store(), tmp_path.as_uri(), OTHER)


def test_a_run_without_either_writes_nothing_down(tmp_path: Path) -> None:
    check_origins(Store(), tmp_path.as_uri(), {})
    assert list(tmp_path.iterdir()) == []


def texts(folder: Path) -> Document:
    """Some tens of short ones."""
    (folder / "t.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in tiny_models.TEXTS))
    source = {"kind": "pvc", "claim": "c", "path": str(folder / "t.jsonl")}
    return {"source": source, "split": {"validation": 0.1, "test": 0.2, "seed": 1}}


def save_tokenizer(folder: Path, words: list[str]) -> None:
    """Of these words, in this order; as many of them make a model of the same shape."""
    folder.mkdir(exist_ok=True)
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "[END]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "[END]"}))


def test_a_run_does_not_go_on_with_another_tokenizer(tmp_path: Path, store: str) -> None:
    words = sorted({word for text in tiny_models.TEXTS for word in text.split()})
    save_tokenizer(tmp_path / "tokenizer", words)
    model = {"kind": "transformer", "layers": 1, "heads": 2, "width": 8, "contextLength": 8}
    model["tokenizer"] = {"uri": (tmp_path / "tokenizer").as_uri()}
    document = config_document(
        store, task="causalLM", model=model, data=texts(tmp_path), optimization={"epochs": 1, "batchSize": 16}
    )
    first = run_here(document)
    manifest = Path(urlsplit(first["artefact"]["uri"]).path) / "manifest.json"
    began = json.loads(manifest.read_text())["lineage"]["tokenizerSha256"]
    assert first["lineage"]["tokenizerSha256"] == began
    assert run_here(attempt(document, 2))["resumedFromStep"] == first["steps"]
    save_tokenizer(tmp_path / "tokenizer", words[::-1])
    with pytest.raises(TrainerError, match=f"this run has checkpoints that began with {began}") as caught:
        run_here(attempt(document, 3))
    assert caught.value.reason is Reason.DATA_INVALID
    assert run_here({**document, "store": config_document(f"{store}/new")["store"]})["outcome"] == "succeeded"


def test_a_run_does_not_go_on_with_another_pretrained_model(tmp_path: Path, store: str) -> None:
    tiny_models.save_decoder(tmp_path / "model")
    source = {"kind": "s3", "uri": (tmp_path / "model").as_uri()}
    model = {"kind": "pretrained", "source": source, "contextLength": 16}
    document = config_document(
        store, task="causalLM", model=model, data=texts(tmp_path), optimization={"epochs": 1, "batchSize": 16}
    )
    began = run_here(document)["lineage"]["pretrainedSha256"]
    # Of the same shape, and it says nothing else: what a checkpoint is loaded over would not tell.
    tiny_models.change_config(tmp_path / "model", layer_norm_epsilon=1e-4)
    with pytest.raises(TrainerError, match=f"The pretrained model has .* began with {began}") as caught:
        run_here(attempt(document, 2))
    assert caught.value.reason is Reason.DATA_INVALID
