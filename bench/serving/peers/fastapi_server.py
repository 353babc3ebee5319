"""What one writes with FastAPI and uvicorn: Open Inference in JSON, and raw bytes of the first input."""

from __future__ import annotations

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from session import DTYPES, Arrays, Onnx, folders, port

app = FastAPI()
models = {folder.name: Onnx(folder / "model.onnx") for folder in folders()}
PICTURE = (-1, 3, 64, 64)


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    """Once there are models."""
    return {"ready": True}


@app.post("/v2/models/{model}/infer")
async def infer(model: str, request: Request) -> Response:
    """Answers JSON with JSON and bytes with bytes."""
    body = await request.body()
    if request.headers["content-type"] == "application/octet-stream":
        outputs = models[model].run({"x": np.frombuffer(body, np.float32).reshape(PICTURE)})
        return Response(next(iter(outputs.values())).tobytes(), media_type="application/octet-stream")
    inputs = {
        tensor["name"]: np.asarray(tensor["data"], np.float32).reshape(tensor["shape"])
        for tensor in orjson.loads(body)["inputs"]
    }
    return Response(orjson.dumps(_answer(model, models[model].run(inputs))), media_type="application/json")


def _answer(model: str, outputs: Arrays) -> dict[str, object]:
    tensors = [
        {"name": name, "datatype": DTYPES[str(array.dtype)], "shape": array.shape, "data": array.ravel().tolist()}
        for name, array in outputs.items()
    ]
    return {"model_name": model, "outputs": tensors}


uvicorn.run(app, port=port(), loop="uvloop", http="httptools", log_level="error", access_log=False)
