"""KServe's own clients, unchanged, against a running server: argv is its HTTP URL and its gRPC address."""

import asyncio
import importlib.machinery
import sys
import types
from typing import Any


def without_the_rest() -> None:
    """Lets `kserve.inference_client` be imported without the package's own __init__, which drags in its server."""
    found = importlib.machinery.PathFinder.find_spec("kserve")
    package = types.ModuleType("kserve")
    assert found is not None and found.submodule_search_locations is not None
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["kserve"] = package


without_the_rest()

import httpx  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402

Array = npt.NDArray[Any]

URL, GRPC = sys.argv[1:3]
ROWS = np.array([[1, 2, 3, 4], [0, 0, 0, 1]], dtype=np.float32)


def request(binary: bool) -> Any:
    given = InferInput("x", [2, 4], "FP32")
    given.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest("mlp", [given])


async def v2() -> Array:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(URL) is True
    assert await client.is_server_ready(URL) is True
    assert await client.is_model_ready(URL, "mlp") is True
    answers = []
    for binary in (True, False):
        response = await client.infer(URL, request(binary), model_name="mlp")
        answers.append(np.array(response.outputs[0].as_numpy()).reshape(2, 3))
    assert np.allclose(answers[0], answers[1])
    try:
        await client.infer(URL, request(False), model_name="nope")
    except httpx.HTTPStatusError as error:
        assert "there is no model 'nope'" in str(error)
    else:
        raise AssertionError("a model that is not there was not refused")
    await client.close()
    return answers[0]


async def v1() -> Array:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await client.is_server_live(URL) is True
    assert await client.is_model_ready(URL, "mlp") is True
    answer = await client.infer(URL, {"instances": ROWS.tolist()}, model_name="mlp")
    await client.close()
    return np.array(answer["predictions"], dtype=np.float32)


async def grpc() -> Array:
    client = InferenceGRPCClient(GRPC)
    assert await client.is_server_live() is True
    assert await client.is_server_ready() is True
    assert await client.is_model_ready("mlp") is True
    answers = [(await client.infer(request(binary))).outputs[0].as_numpy().reshape(2, 3) for binary in (True, False)]
    assert np.allclose(answers[0], answers[1])
    await client.close()
    answer: Array = answers[0]
    return answer


async def main() -> None:
    reference = await v2()
    assert np.allclose(await v1(), reference)
    assert np.allclose(await grpc(), reference)
    print("kserve: all of it holds")


asyncio.run(main())
