"""A pretrained model is looked at from all sides before it is trained, and whatever is wrong with it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from limbeck_trainer.data_config import Stored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Pretrained
from limbeck_trainer.pretrained.foundation import open_foundation
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from tiny_models import opened

CODE = {"AutoModelForSequenceClassification": "modeling_mine.Mine"}


def test_what_is_known_of_an_encoder(tmp_path: Path) -> None:
    found = opened(tiny_models.save_encoder(tmp_path))
    assert (found.config.model_type, found.labels, found.coder.padding) == ("bert", (), 0)
    assert 20_000 < found.parameters < 30_000
    assert len(found.sha256) == 64
    assert next(found.coder.encode(["the red door"]))[0] == 2


def test_what_is_known_of_a_decoder(tmp_path: Path) -> None:
    found = opened(tiny_models.save_decoder(tmp_path, vocab_size=333), "causalLM")
    # The model may know more tokens than the tokenizer makes: its answers are over all of them.
    assert (found.coder.vocabulary, found.coder.end, found.coder.padding) == (333, 0, 0)


def test_nothing_is_left_out_by_chance(tmp_path: Path) -> None:
    config = opened(tiny_models.save_encoder(tmp_path)).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0, 0)


def test_labels_are_those_of_a_head_that_was_made_for_them(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    names = {"id2label": {"1": "b", "0": "a"}, "label2id": {"a": 0, "b": 1}}
    tiny_models.change_config(folder, **names)
    assert opened(folder).labels == ()
    tiny_models.change_config(folder, architectures=["BertForSequenceClassification"])
    assert opened(folder).labels == ("a", "b")


def test_the_same_files_have_the_same_digest(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    sha256 = opened(folder).sha256
    assert opened(folder, sha256=sha256).sha256 == sha256
    with pytest.raises(TrainerError, match=f"has the sha256 {sha256}, not {'0' * 64}") as caught:
        opened(folder, sha256="0" * 64)
    assert caught.value.reason is Reason.CONFIG_INVALID


def changed(**members: Any) -> Callable[[Path], object]:
    return lambda folder: tiny_models.change_config(folder, **members)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (changed(auto_map=CODE), "asks for code of its own .auto_map in config.json., which is never run"),
        (changed(quantization_config={"quant_method": "gptq"}), "is quantised, and rounded weights cannot be trained"),
        (changed(model_type="berta"), "is of the model_type 'berta', which transformers 4.* does not know"),
        (changed(model_type=None), "is of the model_type None"),
        (changed(model_type=["bert"]), "is of the model_type .'bert'., which transformers"),
        (changed(model_type="t5"), "t5, which is not an encoder that classifies texts, as the task classification"),
        (changed(model_type="vit"), "vit, which is not an encoder that classifies texts"),
        (changed(hidden_size="wide"), "cannot be built from its config.json"),
        (changed(num_attention_heads=5), "cannot be built from its config.json.*multiple of the number of attention"),
        (changed(vocab_size=20), "knows 20 tokens, and its tokenizer makes others"),
        (changed(max_position_embeddings=16), "sees at most 16 tokens, and model.pretrained.contextLength is 32"),
        (changed(num_hidden_layers=40, hidden_size=4096), "GiB as an exported model. A model file holds less than 2"),
    ],
)
def test_an_encoder_that_cannot_be_trained_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    spoil(folder)
    with pytest.raises(TrainerError, match=says) as caught:
        opened(folder)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_places_that_are_kept_for_padding_are_none_for_tokens(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path, "roberta")
    assert opened(folder, length=tiny_models.PLACES).parameters > 0
    with pytest.raises(TrainerError, match="sees at most 64 tokens"):
        opened(folder, length=tiny_models.PLACES + 1)


def test_a_decoder_sees_no_further_than_its_window(tmp_path: Path) -> None:
    folder = tiny_models.save_decoder(tmp_path, "mistral", sliding_window=24)
    with pytest.raises(TrainerError, match="sees at most 24 tokens"):
        opened(folder, "causalLM")
    assert opened(folder, "causalLM", length=24).parameters > 0


def test_a_table_of_tokens_that_is_the_last_layer_too_is_exported_twice(tmp_path: Path) -> None:
    folder = tiny_models.save_decoder(tmp_path)
    tiny_models.change_config(folder, vocab_size=100_000, n_embd=2048, n_layer=5)
    with pytest.raises(TrainerError, match=r"has 4\d\d,\d+,\d+ parameters: 2\.4\d GiB as an exported model"):
        opened(folder, "causalLM")


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="distilbert, which is not a decoder that goes on with a text"):
        opened(tiny_models.save_encoder(tmp_path, "distilbert"), "causalLM")


def test_a_model_that_memory_does_not_hold_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    (folder / "model.safetensors").write_bytes(b"never read")
    model = Pretrained(Stored(folder.as_uri() + "/", None), 32)
    with pytest.raises(TrainerError, match="needs 9 GiB") as caught:
        open_foundation(model, "classification", Store(), Scratch(), lambda count: "needs 9 GiB" if count > 1 else None)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_special_tokens_may_have_a_file_of_their_own(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    path = folder / "tokenizer_config.json"
    kept = {name: value for name, value in json.loads(path.read_text()).items() if not name.endswith("_token")}
    path.write_text(json.dumps(kept))
    assert (opened(folder).coder.padding, opened(folder).coder.end) == (0, 3)
