"""Models in ONNX Runtime; its only user."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from limbeck_trainer.data import Floats
from limbeck_trainer.native_noise import without_schema_noise

BATCH = 1024
# What samples can be without a loss; all else takes float32, or says what it wants.
KINDS: dict[str, Any] = {"tensor(int64)": np.int64, "tensor(double)": np.float64}


def session_of(content: bytes, threads: int | None) -> Any:
    """The graph on the CPU, ready to run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    with without_schema_noise():
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class OnnxModel:
    """Runs a model of one input [b, ...] and one output [b, classes]."""

    def __init__(self, content: bytes, threads: int | None) -> None:
        self._session = session_of(content, threads)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or not outputs:
            raise ValueError(f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
        self._input, self._output = inputs[0], outputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The declared shape of the input; -1 is a dynamic axis."""
        return _shape(self._input.shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The declared shape of the first output; -1 is a dynamic axis."""
        return _shape(self._output.shape)

    def run(self, x: Floats, batch: int = BATCH) -> Floats:
        """Outputs for all of x, `batch` samples at a time."""
        kind = KINDS.get(self._input.type, np.float32)
        parts = [
            self._session.run(
                [self._output.name], {self._input.name: x[start : start + batch].astype(kind, copy=False)}
            )[0]
            for start in range(0, len(x), batch)
        ]
        return np.concatenate(parts)


def _shape(declared: list[int | str | None]) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else -1 for axis in declared)
