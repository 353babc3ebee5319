/** Models of tables, pictures and texts with their manifests, as the trainer would leave them. */
import { createHash } from 'node:crypto';
import { onnxModel, type Graph } from './onnx-model.ts';

/** One class for each of two rows of pixels: their means. */
export const meanOfRows: Graph = {
  inputs: [{ name: 'image', type: 'FP32', shape: ['batch', 1, 2, 4] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 2] }],
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], outputs: ['m'], attributes: { axes: [3], keepdims: 0 } },
    { op: 'ReduceMean', inputs: ['m'], outputs: ['y'], attributes: { axes: [1], keepdims: 0 } },
  ],
};

/** The mean of two columns. */
export const meanOfColumns: Graph = {
  inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  nodes: [{ op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } }],
};

/** The mean of the weights of the tokens: 1 for 'a', 0 for all others. */
export const meanOfTokens: Graph = {
  inputs: [{ name: 'input_ids', type: 'INT64', shape: ['batch', 'tokens'] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  weights: [{ name: 'w', shape: [260], data: Float32Array.from({ length: 260 }, (_, byte) => Number(byte === 97)) }],
  nodes: [
    { op: 'Gather', inputs: ['w', 'input_ids'], outputs: ['g'] },
    { op: 'ReduceMean', inputs: ['g'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } },
  ],
};

export const shortText = { kind: 'text', tokenizer: 'tokenizer.json', contextLength: 4, padding: 256 };

export const houseTable = {
  kind: 'table',
  columns: [
    { name: 'age', kind: 'number' },
    { name: 'city', kind: 'category', categories: ['Bergen', 'Oslo'] },
  ],
};

export const smallPicture = { kind: 'image', channels: 1, height: 2, width: 4, mode: 'grey', range: [0, 1] };

const specsOf = (values: Graph['inputs']): readonly object[] =>
  values.map(({ name, type, shape }) => {
    return { name, datatype: type, shape: shape.map((dim) => (typeof dim === 'number' ? dim : -1)) };
  });

/** A model and its manifest under a name, for a folder of models. */
export function manifested(name: string, graph: Graph, extras: object): Readonly<Record<string, Buffer | string>> {
  const model = onnxModel(graph);
  const manifest = {
    ...{ manifestVersion: 'v1', sha256: createHash('sha256').update(model).digest('hex'), sizeBytes: model.length },
    ...{ opset: 17, task: 'classification', inputs: specsOf(graph.inputs), outputs: specsOf(graph.outputs), ...extras },
  };
  return { [`${name}/model.onnx`]: model, [`${name}/manifest.json`]: JSON.stringify(manifest) };
}
