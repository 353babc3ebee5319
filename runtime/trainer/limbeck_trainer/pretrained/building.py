"""A pretrained model as a module, with its weights and, where the classes are others, a new head."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from limbeck_trainer.out_of_memory import is_out_of_memory
from limbeck_trainer.pretrained.architecture import AUTO, first_line, is_causal
from limbeck_trainer.pretrained.folder import refuse
from limbeck_trainer.pretrained.foundation import Foundation
from limbeck_trainer.pretrained.modules import PretrainedClassifier, PretrainedDecoder

# A part that some encoders have in front of the head, and that few are pretrained with.
BEFORE_HEAD = "pooler"


def keeps_head(foundation: Foundation, labels: tuple[str, ...]) -> bool:
    """Whether the head that the model came with tells apart just these classes, in this order."""
    return foundation.labels == labels


def build(foundation: Foundation, labels: tuple[str, ...]) -> nn.Module:
    """A fresh module on the CPU, in float32: a classifier for these labels or, without any, a decoder.

    A new head follows torch's random state. ConfigInvalid says what is wrong with the weights.
    """
    config = copy.deepcopy(foundation.config)
    if not labels:
        model, lacking = _load(foundation, config)
        _check(foundation, lacking)
        return PretrainedDecoder(model)
    config.num_labels = len(labels)
    config.id2label, config.label2id = dict(enumerate(labels)), {label: index for index, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    # Decoders classify by the last token that is none of these.
    config.pad_token_id = foundation.coder.padding
    model, lacking = _load(foundation, config)
    trunk = f"{model.base_model_prefix}."
    _check(foundation, [name for name in lacking if name.startswith(trunk) and BEFORE_HEAD not in name])
    if not keeps_head(foundation, labels):
        _renew_head(model)
    return PretrainedClassifier(model, foundation.coder.padding, is_causal(config))


def _load(foundation: Foundation, config: Any) -> tuple[Any, list[str]]:
    """The model, and the names of its parameters that the files do not have, or in another shape."""
    try:
        model, info = AUTO[foundation.task][0].from_pretrained(
            foundation.path,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            # One way to compute attention for training and export, and one that is the same twice.
            attn_implementation="eager",
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        refuse(foundation.uri, f"cannot be loaded: {first_line(error)}. Save it again with save_pretrained.")
    mismatched = [name if isinstance(name, str) else name[0] for name in info["mismatched_keys"]]
    return model, [*info["missing_keys"], *mismatched]


def _check(foundation: Foundation, lacking: list[str]) -> None:
    if lacking:
        problem = f"lacks {len(lacking)} of the weights that its config.json asks for, or has them in another shape"
        refuse(foundation.uri, f"{problem}: {', '.join(sorted(lacking)[:3])}. Save it again with save_pretrained.")


def _renew_head(model: Any) -> None:
    """All that is not the trunk; what was loaded for it is of other classes."""
    for name, child in model.named_children():
        if name != model.base_model_prefix:
            for module in child.modules():
                model._init_weights(module)
