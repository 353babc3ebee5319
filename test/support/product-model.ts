/** A model whose caller says how long a run takes, and how much memory. */
import { onnxModel } from './onnx-model.ts';

/**
 * x [2] → the largest element of a product of two matrices of that shape. `z` is there for its open dimensions alone, which
 * keep a model off the main thread.
 */
export const productModel = onnxModel({
  inputs: [
    { name: 'x', type: 'INT64', shape: [2] },
    { name: 'z', type: 'FP32', shape: ['n', 'k'] },
  ],
  outputs: [{ name: 'y', type: 'FP32', shape: [1, 1] }],
  nodes: [
    { op: 'ConstantOfShape', inputs: ['x'], outputs: ['a'] },
    { op: 'MatMul', inputs: ['a', 'a'], outputs: ['b'] },
    { op: 'ReduceMax', inputs: ['b'], outputs: ['c'] },
    { op: 'ReduceMax', inputs: ['z'], outputs: ['d'] },
    { op: 'Add', inputs: ['c', 'd'], outputs: ['y'] },
  ],
});

/** Of matrices of so many rows and columns, over REST. */
export const productInputs = (size: number) => [
  { name: 'x', datatype: 'INT64', shape: [2], data: [size, size] },
  { name: 'z', datatype: 'FP32', shape: [1, 1], data: [0] },
];

/** The same over gRPC. */
export const productContents = (size: number) => [
  { name: 'x', datatype: 'INT64', shape: [2], contents: { int64_contents: [size, size] } },
  { name: 'z', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [0] } },
];
