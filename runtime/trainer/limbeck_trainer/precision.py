"""In which numbers the forward pass computes. Weights, gradients, losses and the optimiser's state stay float32."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from limbeck_trainer.errors import Reason, TrainerError

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Precision:
    """Runs a module in its precision; `scaler` keeps float16's small gradients from vanishing, else it is idle."""

    def __init__(self, name: str, device: torch.device) -> None:
        if name == "float16" and device.type == "cpu":
            message = "optimization.precision float16 needs a GPU and this worker has none: take bfloat16 or float32."
            raise TrainerError(Reason.CONFIG_INVALID, message)
        self._dtype = DTYPES[name]
        self._device = device.type
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")  # type: ignore[attr-defined]

    def forward(self, module: nn.Module, x: Tensor) -> Tensor:
        """The module's outputs for x as float32, which losses need."""
        if self._dtype is torch.float32:
            outputs: Tensor = module(x)
            return outputs
        with torch.autocast(self._device, self._dtype):
            outputs = module(x)
        return outputs.float()
