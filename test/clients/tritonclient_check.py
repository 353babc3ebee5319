"""tritonclient over HTTP and gRPC, unchanged, against a running server: argv is its HTTP and its gRPC address."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

Array = npt.NDArray[Any]

HTTP, GRPC = sys.argv[1:3]
ROWS = np.array([[1, 2, 3, 4], [0, 0, 0, 1]], dtype=np.float32)
EXAMPLES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "INT8": [-128, 127],
    "INT16": [-32768, 32767],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**53 + 1],
    "UINT8": [0, 255],
    "UINT16": [0, 65535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "FP16": [0.5, -2.0],
    "FP32": [0.1, float("-inf")],
    "FP64": [0.1, float("nan")],
    "BYTES": ['ü\n"', ""],
}


def array_of(datatype: str) -> Array:
    values = EXAMPLES[datatype]
    if datatype == "BYTES":
        return np.array([[value.encode() for value in values]], dtype=np.object_)
    return np.array([values], dtype=triton_to_np_dtype(datatype))


def same(got: Any, expected: Array) -> bool:
    if expected.dtype == np.object_:
        return [bytes(b) for b in got.ravel()] == list(expected.ravel())
    return bool(got.dtype == expected.dtype) and np.array_equal(got, expected, equal_nan=expected.dtype.kind == "f")


def health(client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("mlp")
    assert client.is_model_ready("mlp", "1")
    assert not client.is_model_ready("nope")


def documents_http(client: Any) -> None:
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("mlp")
    assert metadata["inputs"][0]["shape"] == [-1, 4] and metadata["versions"] == ["1"]
    assert client.get_model_config("mlp")["input"][0]["data_type"] == "TYPE_FP32"
    assert client.get_inference_statistics("mlp")["model_stats"][0]["name"] == "mlp"
    assert {"name": "mlp", "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index()


def documents_grpc(client: Any) -> None:
    assert "statistics" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata("mlp")
    assert list(metadata.inputs[0].shape) == [-1, 4] and metadata.outputs[0].datatype == "FP32"
    config = client.get_model_config("mlp").config
    assert config.input[0].data_type == 11 and config.backend == "onnxruntime"
    assert client.get_inference_statistics("mlp").model_stats[0].name == "mlp"
    assert any(model.name == "mlp" and model.state == "READY" for model in client.get_model_repository_index().models)


def infer(module: Any, client: Any, datatype: str, **options: Any) -> None:
    array = array_of(datatype)
    given = module.InferInput("x", list(array.shape), datatype)
    given.set_data_from_numpy(array)
    result = client.infer(f"id_{datatype}", [given], request_id="a", **options)
    assert same(result.as_numpy("y"), array), (datatype, result.as_numpy("y"))


def json_infer(client: Any, datatype: str) -> None:
    """JSON both ways; FP16 the client itself sends as bytes alone, and NaN and infinities are no JSON."""
    array = array_of(datatype)
    if datatype in ("FP16", "FP32", "FP64"):
        array = np.array([[0.5, -2]], dtype=array.dtype)
    given = http_client.InferInput("x", list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=datatype == "FP16")
    wanted = http_client.InferRequestedOutput("y", binary_data=False)
    got = client.infer(f"id_{datatype}", [given], outputs=[wanted]).as_numpy("y")
    if datatype == "BYTES":
        got = np.array([str(text).encode() for text in got.ravel()], dtype=np.object_)
    assert same(got, array) or got.astype(array.dtype).tolist() == array.tolist(), (datatype, got)


def mlp(module: Any, client: Any, **options: Any) -> Array:
    given = module.InferInput("x", [2, 4], "FP32")
    given.set_data_from_numpy(ROWS)
    wanted = module.InferRequestedOutput("logits")
    answer: Array = client.infer("mlp", [given], outputs=[wanted], **options).as_numpy("logits")
    return answer


def compression(client: Any) -> None:
    plain = mlp(http_client, client)
    for algorithm in ("gzip", "deflate"):
        packed = mlp(
            http_client, client, request_compression_algorithm=algorithm, response_compression_algorithm=algorithm
        )
        assert np.array_equal(plain, packed)
    assert np.array_equal(plain, client.async_infer("mlp", [input_of(http_client)]).get_result().as_numpy("logits"))


def input_of(module: Any) -> Any:
    given = module.InferInput("x", [2, 4], "FP32")
    given.set_data_from_numpy(ROWS)
    return given


def refusals(module: Any, client: Any) -> None:
    wrong = module.InferInput("x", [1, 3], "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 3), dtype=np.float32))
    for model, inputs, words in [("nope", [input_of(module)], "no model"), ("mlp", [wrong], "shape")]:
        try:
            client.infer(model, inputs)
        except InferenceServerException as error:
            assert words in error.message(), error
        else:
            raise AssertionError(f"{model} was not refused")


def scheduling(module: Any, client: Any) -> None:
    plain = mlp(module, client)
    assert np.array_equal(plain, mlp(module, client, priority=1, timeout=60_000_000))
    try:
        mlp(module, client, timeout=1)
    except InferenceServerException as error:
        assert "was not begun" in error.message(), error
    else:
        raise AssertionError("what waited longer than a microsecond was run")


def repository(client: Any) -> None:
    client.unload_model("spare")
    assert not client.is_model_ready("spare")
    client.load_model("spare")
    assert client.is_model_ready("spare")
    try:
        client.load_model("spare", config="{}")
    except InferenceServerException as error:
        assert "'config' of load is not offered" in error.message(), error
    else:
        raise AssertionError("a configuration that is not looked at was taken")
    client.unload_model("spare", unload_dependents=True)
    client.load_model("spare")


def main() -> None:
    http = http_client.InferenceServerClient(HTTP, concurrency=2)
    grpc = grpc_client.InferenceServerClient(GRPC)
    health(http)
    health(grpc)
    documents_http(http)
    documents_grpc(grpc)
    scheduling(http_client, http)
    scheduling(grpc_client, grpc)
    for datatype in EXAMPLES:
        infer(http_client, http, datatype)
        infer(grpc_client, grpc, datatype)
        json_infer(http, datatype)
    infer(grpc_client, grpc, "FP32", compression_algorithm="gzip")
    compression(http)
    assert np.array_equal(mlp(http_client, http), mlp(grpc_client, grpc))
    for module, client in ((http_client, http), (grpc_client, grpc)):
        refusals(module, client)
        repository(client)
    print("tritonclient: all of it holds")


main()
