"""Weights that no answer depends on: a pooler that nothing asks, places that are computed and never learnt.

A group would wait for their gradients for ever, and a divided model would change them by weight decay alone. They are
kept as they came, so that a training is the same however many processes do it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limbeck_trainer.log import Log
from limbeck_trainer.pretrained.folder import refuse
from limbeck_trainer.session import Material


def trainable(module: nn.Module, material: Material, log: Log) -> nn.Module:
    """The module, on its device; of a pretrained one what no answer depends on is not trained. Any text shows that."""
    foundation = material.dataset.foundation
    if foundation is None:
        return module
    tokens = material.x.index_select(0, torch.from_numpy(material.rows.train[:1]).to(material.x.device))
    names = keep_unreached(module, tokens, foundation.uri)
    if names:
        log.info("weights that no answer depends on stay as they are", count=len(names), names=names[:8])
    return module


def keep_unreached(module: nn.Module, tokens: Tensor, uri: str) -> list[str]:
    """Takes the weights without a gradient for the answers to `tokens` [b, t] out of the training; their names.

    ConfigInvalid, when it happens, if other texts reach them after all: then some workers would wait for the others.
    """
    called = _answer(module, tokens)
    unreached = {name: it for name, it in module.named_parameters() if it.requires_grad and it.grad is None}
    module.zero_grad(set_to_none=True)
    for parameter in unreached.values():
        parameter.requires_grad_(False)
    for name, part in module.named_modules():
        if part not in called and not all(it.requires_grad for it in part.parameters(recurse=False)):
            _watch(part, name, uri)
    return sorted(unreached)


def _answer(module: nn.Module, tokens: Tensor) -> set[nn.Module]:
    """Leaves a gradient wherever there is one; the parts of the module that were asked."""
    called: set[nn.Module] = set()
    hooks = [part.register_forward_pre_hook(lambda part, _given: called.add(part)) for part in module.modules()]
    training = module.training
    module.eval()(tokens).sum().backward()
    module.train(training)
    for hook in hooks:
        hook.remove()
    return called


def _watch(part: nn.Module, name: str, uri: str) -> None:
    def stop(_part: nn.Module, _given: Any) -> None:
        problem = f"has weights that only some texts reach ({name}), as of experts: workers cannot learn them together."
        refuse(uri, f"{problem} Take a model of another type.")

    part.register_forward_pre_hook(stop)
