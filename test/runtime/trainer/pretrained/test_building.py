"""The module that is trained: the weights that the folder has, and a head for the classes of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
import torch
import transformers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.pretrained.building import build, keeps_head
from safetensors.torch import load_file, save_file
from tiny_models import opened

LABELS = ("blue", "green", "red")
# Two texts, one shorter than the other.
TOKENS = torch.tensor([[2, 9, 11, 14, 3], [2, 8, 3, 0, 0]])


def with_head(folder: Path, labels: tuple[str, ...]) -> Path:
    """An encoder that was trained to tell the labels apart."""
    tiny_models.save_encoder(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    config.id2label, config.label2id = dict(enumerate(labels)), {label: index for index, label in enumerate(labels)}
    torch.manual_seed(5)
    transformers.AutoModelForSequenceClassification.from_pretrained(folder, config=config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("setting", [{"torchscript": True}, {"return_dict": False}])
def test_however_a_model_was_saved_to_answer_it_is_read(tmp_path: Path, setting: dict[str, bool]) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    tiny_models.change_config(folder, **setting)
    assert build(opened(folder), LABELS)(TOKENS).shape == (2, 3)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_an_encoder_has_the_weights_of_the_folder(tmp_path: Path, kind: str) -> None:
    folder = tiny_models.save_encoder(tmp_path, kind)
    module = build(opened(folder), LABELS)
    saved = transformers.AutoModel.from_pretrained(folder).state_dict()
    built = module.model.base_model.state_dict()  # type: ignore[union-attr, operator]
    for name in (name for name in built if "pooler" not in name):
        torch.testing.assert_close(built[name], saved[name])
    assert module(TOKENS).shape == (2, 3)


def test_a_new_head_follows_the_seed_alone(tmp_path: Path) -> None:
    foundation = opened(tiny_models.save_encoder(tmp_path))

    def answer(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return build(foundation, LABELS).eval()(TOKENS)

    torch.testing.assert_close(answer(1), answer(1), rtol=0, atol=0)
    assert not torch.allclose(answer(1), answer(2))


@pytest.mark.parametrize("labels", [("blue", "red", "green"), ("blue", "green")])
def test_a_head_of_other_classes_is_made_anew(tmp_path: Path, labels: tuple[str, ...]) -> None:
    foundation = opened(with_head(tmp_path, labels))
    assert not keeps_head(foundation, LABELS)
    saved = load_file(tmp_path / "model.safetensors")
    built = build(foundation, LABELS).state_dict()
    assert built["model.classifier.weight"].shape == (3, 32)
    assert not torch.equal(built["model.classifier.weight"][: len(labels)], saved["classifier.weight"])


def test_a_head_of_the_same_classes_is_kept(tmp_path: Path) -> None:
    foundation = opened(with_head(tmp_path, LABELS))
    assert keeps_head(foundation, LABELS)
    built, saved = build(foundation, LABELS).state_dict(), load_file(tmp_path / "model.safetensors")
    torch.testing.assert_close(built["model.classifier.weight"], saved["classifier.weight"])


def test_half_precision_is_trained_in_whole(tmp_path: Path) -> None:
    folder = tiny_models.save_decoder(tmp_path)
    transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    module = build(opened(folder, "causalLM"), ())
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def drop(path: Path, name: str) -> None:
    weights = load_file(path)
    save_file({key: value for key, value in weights.items() if name not in key}, path, {"format": "pt"})


@pytest.mark.parametrize(("task", "name"), [("classification", "layer.1.output.dense"), ("causalLM", "h.1.mlp.c_fc")])
def test_weights_that_are_not_all_there_are_refused(tmp_path: Path, task: str, name: str) -> None:
    save = tiny_models.save_encoder if task == "classification" else tiny_models.save_decoder
    drop(save(tmp_path) / "model.safetensors", name)
    with pytest.raises(TrainerError, match=f"lacks 2 of the weights that its config.json asks for.*{name}") as caught:
        build(opened(tmp_path, task), LABELS if task == "classification" else ())
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    tiny_models.change_config(folder, intermediate_size=128)
    with pytest.raises(TrainerError, match="or has them in another shape"):
        build(opened(folder), LABELS)


@pytest.mark.parametrize("content", [b"", b"\x08" + b"\x00" * 40])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = tiny_models.save_encoder(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(TrainerError, match=r"cannot be loaded: .*Save it again with save_pretrained") as caught:
        build(opened(folder), LABELS)
    assert caught.value.reason is Reason.CONFIG_INVALID
