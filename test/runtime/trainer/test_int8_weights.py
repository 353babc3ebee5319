"""int8 matrices: nearly the same numbers, exactly the same for a row whoever shares its batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from limbeck_trainer.int8_weights import ACTIVATION_LIMIT, SMALLEST, WEIGHT_LIMIT, ZERO, with_int8_weights
from limbeck_trainer.onnx_model import session_of
from limbeck_trainer.samples import Floats
from onnx import TensorProto, helper, numpy_helper

DEPTH, WIDTH = 160, 128
CHANCE = np.random.default_rng(3)
MATRIX = CHANCE.normal(size=(DEPTH, WIDTH)).astype(np.float32)
BIAS = CHANCE.normal(size=WIDTH).astype(np.float32)


def graph(nodes: list[onnx.NodeProto], tensors: dict[str, Floats], outputs: list[str], dims: list[str | int]) -> bytes:
    """A model that takes x of these dimensions."""
    any_size = [f"axis{axis}" for axis in range(max(2, len(dims)))]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, any_size) for name in outputs]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)]
    initial = [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()]
    made = helper.make_graph(nodes, "tested", inputs, values, initial)
    content: bytes = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return content


def product(matrix: Floats = MATRIX) -> bytes:
    """x [batch, tokens, depth] -> x @ matrix."""
    return graph([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": matrix}, ["y"], ["batch", "tokens", DEPTH])


def answer(content: bytes, x: Floats) -> Floats:
    """The first output."""
    found: Floats = session_of(content, 1).run(None, {"x": x})[0]
    return found


def kinds(content: bytes) -> Counter[str]:
    """How many nodes there are of each operator."""
    return Counter(node.op_type for node in onnx.load_model_from_string(content).graph.node)


def test_the_sum_of_two_products_fits_sixteen_bits() -> None:
    assert 2 * (ZERO + ACTIVATION_LIMIT) * WEIGHT_LIMIT < 2**15


def test_answers_are_nearly_those_of_float32() -> None:
    x = CHANCE.normal(size=(3, 5, DEPTH)).astype(np.float32)
    wanted = x @ MATRIX
    actual = answer(with_int8_weights(product()), x)
    assert np.abs(actual - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_row_has_the_same_answer_to_the_bit_whoever_shares_its_batch() -> None:
    content = with_int8_weights(product())
    rows = CHANCE.normal(size=(6, 2, DEPTH)).astype(np.float32)
    # One that would spoil the scale of all, if they had one in common.
    rows[3] *= 1e4
    together = answer(content, rows)
    for index in range(len(rows)):
        assert np.array_equal(together[index], answer(content, rows[index : index + 1])[0])


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_linear_layer_keeps_its_bias(transposed: int) -> None:
    weights = np.ascontiguousarray(MATRIX.T) if transposed else MATRIX
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=transposed)
    content = with_int8_weights(graph([node], {"w": weights, "b": BIAS}, ["y"], ["batch", DEPTH]))
    x = CHANCE.normal(size=(4, DEPTH)).astype(np.float32)
    wanted = x @ MATRIX + BIAS
    assert np.abs(answer(content, x) - wanted).max() < 0.03 * np.abs(wanted).max()
    assert np.array_equal(answer(content, np.zeros((1, DEPTH), dtype=np.float32))[0], BIAS)


def test_a_column_of_zeros_and_extremes_are_exact() -> None:
    matrix = np.ones((DEPTH, WIDTH), dtype=np.float32)
    matrix[:, 0] = 0
    found = answer(with_int8_weights(product(matrix)), np.ones((1, 1, DEPTH), dtype=np.float32))[0, 0]
    assert found[0] == 0
    assert found[1:] == pytest.approx(DEPTH, rel=1e-5)


def test_layers_that_read_the_same_rows_have_them_made_integers_once() -> None:
    nodes = [helper.make_node("MatMul", ["x", name], [f"{name}.y"]) for name in ("q", "k", "v")]
    tensors = dict.fromkeys(("q", "k", "v"), MATRIX)
    made = kinds(with_int8_weights(graph(nodes, tensors, ["q.y", "k.y", "v.y"], ["batch", DEPTH])))
    assert (made["ReduceMax"], made["MatMulInteger"], made["MatMul"]) == (1, 3, 0)


def test_a_matrix_that_is_looked_up_too_stays_for_that() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
        helper.make_node("Gather", ["w", "i"], ["rows"]),
        helper.make_node("MatMul", ["rows", "tied"], ["a"]),
        helper.make_node("Gemm", ["a", "w"], ["y"]),
    ]
    tied = np.ascontiguousarray(MATRIX.T)
    content = graph(nodes, {"w": MATRIX, "tied": tied}, ["y"], ["batch"])
    light = with_int8_weights(content)
    x = np.array([1, 7], dtype=np.float32)
    wanted = answer(content, x)
    assert np.abs(answer(light, x) - wanted).max() < 0.05 * np.abs(wanted).max()
    names = {tensor.name for tensor in onnx.load_model_from_string(light).graph.initializer}
    assert "w" in names and "tied" not in names


def test_what_has_no_large_matrix_stays_as_it_is() -> None:
    small = np.ones((DEPTH, (SMALLEST - 1) // DEPTH), dtype=np.float32)
    assert with_int8_weights(product(small)) == product(small)
    scaled = helper.make_node("Gemm", ["x", "w"], ["y"], alpha=2.0)
    content = graph([scaled], {"w": MATRIX}, ["y"], ["batch", DEPTH])
    assert with_int8_weights(content) == content


def test_it_is_a_graph_of_standard_operators_and_a_quarter_as_large() -> None:
    light = with_int8_weights(product())
    proto = onnx.load_model_from_string(light)
    onnx.checker.check_model(proto)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert len(light) < 0.3 * len(product())
