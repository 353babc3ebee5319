"""A runtime of MLServer for models in ONNX: MLServer has none of its own."""

from __future__ import annotations

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from session import Onnx


class OnnxModel(MLModel):
    """One model of the repository."""

    async def load(self) -> bool:
        """Opens the file that the settings name."""
        parameters = self.settings.parameters
        self._onnx = Onnx(Path(str(parameters and parameters.uri)))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Of a body in JSON."""
        inputs = {tensor.name: self.decode(tensor, default_codec=NumpyCodec) for tensor in payload.inputs}
        found = self._onnx.run(inputs)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output(name, array) for name, array in found.items()]
        )
