"""KServe's model server, as its guide has it for models of one's own; one process."""

from __future__ import annotations

from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from session import DTYPES, Onnx, folders, port


class OnnxModel(Model):
    """One model of the repository."""

    def __init__(self, name: str, onnx: Onnx) -> None:
        super().__init__(name)
        self._onnx = onnx
        self.ready = True

    def predict(self, payload: InferRequest, *_headers: Any, **_named: Any) -> InferResponse:
        """Of either body: KServe has read it already."""
        found = self._onnx.run({tensor.name: tensor.as_numpy() for tensor in payload.inputs})
        outputs = []
        for name, array in found.items():
            output = InferOutput(name, list(array.shape), DTYPES[str(array.dtype)])
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(payload.id or "none", self.name, outputs, use_binary_outputs=payload.use_binary_outputs)


served = [OnnxModel(folder.name, Onnx(folder / "model.onnx")) for folder in folders()]
ModelServer(http_port=port(), enable_grpc=False, workers=1).start(served)
