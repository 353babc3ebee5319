"""An ONNX graph whose large matrices are int8, in operators of the standard alone.

Writing a text token by token is bound by how fast the weights are read, and these are a quarter as many bytes. A matrix
has one scale for each column, an activation one for each of its rows, and sums of integers are exact: the product of a
row is the same whoever shares its batch. ONNX Runtime's own dynamic quantisation has one scale for the whole batch.

Weights keep 7 bits of the 8: without VNNI, x86 adds two products of uint8 and int8 into 16 bits, and saturates
(ONNX Runtime, "Quantize ONNX models", on U8S8).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from limbeck_trainer.samples import Floats

# Of a matrix. Smaller ones are in the processor's cache anyway.
SMALLEST = 2**14
WEIGHT_LIMIT, ACTIVATION_LIMIT, ZERO = 63, 127, 128
# Of a row of zeros, whose scale must not be zero.
LEAST = np.float32(1e-30)


def with_int8_weights(content: bytes) -> bytes:
    """The same graph, computed with int8 matrices; the same bytes where it has no large ones."""
    model = onnx.load_model_from_string(content)
    rewriting = _Rewriting(model.graph)
    nodes = [made for node in model.graph.node for made in rewriting.of(node)]
    if not rewriting.matrices:
        return content
    replaced = {name for name, _ in rewriting.matrices} - {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in replaced]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*kept, *rewriting.tensors])
    whole: bytes = model.SerializeToString()
    return whole


class _Rewriting:
    """Node by node, in their order; what several have in common is made once."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._floats = {tensor.name: tensor for tensor in graph.initializer if _is_large(tensor)}
        self._rows: set[str] = set()
        # Name of the float matrix and whether it lies transposed -> name of what it became.
        self.matrices: dict[tuple[str, bool], str] = {}
        self.tensors = [
            _scalar("int8.limit", np.float32(ACTIVATION_LIMIT)),
            _scalar("int8.least", LEAST),
            # A cast cuts off: half a step more rounds to the nearest.
            _scalar("int8.shift", np.float32(ZERO + 0.5)),
            _scalar("int8.zero", np.uint8(ZERO)),
        ]

    def of(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The node, or those that take its place."""
        transposed = _transposed(node)
        if transposed is None or node.input[1] not in self._floats:
            yield node
            return
        rows, matrix = node.input[0], self._matrix(node.input[1], transposed)
        yield from self._quantised(rows)
        bias = node.input[2] if len(node.input) > 2 else ""
        name = node.output[0]
        last = f"{name}.int8.product" if bias else name
        yield helper.make_node("MatMulInteger", [f"{rows}.int8", matrix, "int8.zero"], [f"{name}.int8.sum"])
        yield helper.make_node("Cast", [f"{name}.int8.sum"], [f"{name}.int8.float"], to=onnx.TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{name}.int8.float", f"{matrix}.scale"], [f"{name}.int8.scaled"])
        yield helper.make_node("Mul", [f"{name}.int8.scaled", f"{rows}.int8.largest"], [last])
        if bias:
            yield helper.make_node("Add", [last, bias], [name])

    def _quantised(self, rows: str) -> Iterator[onnx.NodeProto]:
        """x -> round(127 x / largest) + 128 for each row, and the largest magnitude in it."""
        if rows in self._rows:
            return
        self._rows.add(rows)
        name = f"{rows}.int8"
        yield helper.make_node("Abs", [rows], [f"{name}.abs"])
        yield helper.make_node("ReduceMax", [f"{name}.abs"], [f"{name}.max"], axes=[-1], keepdims=1)
        yield helper.make_node("Max", [f"{name}.max", "int8.least"], [f"{name}.largest"])
        yield helper.make_node("Div", ["int8.limit", f"{name}.largest"], [f"{name}.factor"])
        yield helper.make_node("Mul", [rows, f"{name}.factor"], [f"{name}.steps"])
        yield helper.make_node("Add", [f"{name}.steps", "int8.shift"], [f"{name}.shifted"])
        yield helper.make_node("Cast", [f"{name}.shifted"], [name], to=onnx.TensorProto.UINT8)

    def _matrix(self, name: str, transposed: bool) -> str:
        key = (name, transposed)
        if key not in self.matrices:
            self.matrices[key] = f"{name}.int8{'.transposed' if transposed else ''}"
            weights = numpy_helper.to_array(self._floats[name])
            self.tensors.extend(_int8_of(self.matrices[key], weights.T if transposed else weights))
        return self.matrices[key]


def _is_large(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2 and np.prod(tensor.dims) >= SMALLEST


def _transposed(node: onnx.NodeProto) -> bool | None:
    """Whether the second factor of a product lies transposed; None: this is not a product that can be replaced."""
    if node.op_type == "MatMul":
        return False
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    if node.op_type != "Gemm" or any(attributes.get(name, value) != value for name, value in plain.items()):
        return None
    return bool(attributes.get("transB", 0))


def _int8_of(name: str, weights: Floats) -> list[onnx.TensorProto]:
    """weights [k, n] -> int8 [k, n], and float32 [n] that an integer product is to be multiplied by."""
    largest = np.abs(weights).max(axis=0)
    largest[largest == 0] = 1
    steps = np.rint(weights / largest * WEIGHT_LIMIT).astype(np.int8)
    scale = (largest / WEIGHT_LIMIT / ACTIVATION_LIMIT).astype(np.float32)
    return [numpy_helper.from_array(np.ascontiguousarray(steps), name), numpy_helper.from_array(scale, f"{name}.scale")]


def _scalar(name: str, value: np.generic) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value), name)
