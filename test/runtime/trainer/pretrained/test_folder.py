"""What is read of a pretrained model's folder, and every folder that is refused before its weights are read."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
import transformers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.pretrained.folder import look
from limbeck_trainer.store import Store

Spoil = Callable[[Path], object]


def uri(folder: Path) -> str:
    return folder.as_uri() + "/"


def test_its_digest_is_that_of_what_sha256sum_prints(tmp_path: Path) -> None:
    folder, copy = tiny_models.save_encoder(tmp_path / "model"), tmp_path / "copy"
    copy.mkdir()
    (folder / "README.md").write_text("not read")
    (folder / "pytorch_model.bin").write_bytes(b"not read either")
    sha256 = look(uri(folder), Store()).fetch(Store(), copy)
    names = sorted(path.name for path in copy.iterdir())
    read = ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    assert names == read
    printed = subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True).stdout
    assert sha256 == hashlib.sha256(printed).hexdigest()


def test_weights_in_several_files_are_all_fetched(tmp_path: Path) -> None:
    folder, copy = tiny_models.save_decoder(tmp_path / "model"), tmp_path / "copy"
    copy.mkdir()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="40KB")
    found = look(uri(folder), Store())
    assert len(found.weights) > 1
    found.fetch(Store(), copy)
    assert {path.name for path in copy.glob("*.safetensors")} == set(found.weights)
    (folder / found.weights[0]).unlink()
    with pytest.raises(TrainerError, match=f"has no {found.weights[0]}. Upload it") as caught:
        look(uri(folder), Store())
    assert caught.value.reason is Reason.DATA_MISSING


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path, name: str) -> None:
    folder = tiny_models.save_encoder(tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(TrainerError, match=f"has no {name}. Upload it") as caught:
        look(uri(folder), Store())
    assert caught.value.reason is Reason.DATA_MISSING


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="does not exist") as caught:
        look(uri(tmp_path / "nothing"), Store())
    assert caught.value.reason is Reason.DATA_MISSING


def only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def only_words(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "vocab.txt")


def index_of(names: object) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (only_a_pickle, "pytorch_model.bin, a pickle, which may run code when it is read. Save it again"),
        (only_words, "has vocab.txt and no tokenizer.json"),
        (index_of({}), "names no safetensors files"),
        (index_of({"a": "../../other.safetensors"}), "names no safetensors files"),
        (index_of({"a": "pytorch_model-1.bin"}), "names no safetensors files"),
        (lambda folder: (folder / "config.json").write_text("[]"), "a config.json that is no JSON object"),
        (lambda folder: (folder / "config.json").write_text("{"), "a config.json that is no JSON object"),
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), "a config.json that is no JSON object"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, spoil: Spoil, says: str) -> None:
    folder = tiny_models.save_encoder(tmp_path / "model")
    spoil(folder)
    with pytest.raises(TrainerError, match=says) as caught:
        look(uri(folder), Store())
    assert caught.value.reason is Reason.CONFIG_INVALID
