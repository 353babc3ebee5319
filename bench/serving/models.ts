/** The models of the serving bench, written for the occasion, and the requests for them. */
/// <reference lib="esnext.float16" />
import { mlpModel, onnxModel, type Node, type Weight } from '../../test/support/onnx-model.ts';

/** The way to the model is all of it; and one whose 16 MiB of weights must be read. */
const mlps = { mlp: [64, 256, 10], wide: [64, 65_536, 10] } as const;

function weightOf(name: string, shape: readonly number[]): Weight & { readonly data: Float32Array } {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
  // Mixed in sign and as large as He's initialisation has them, so that no layer runs off or dies away.
  const scale = 2 / Math.sqrt(fanIn);
  return { name, shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * scale) };
}

/** Four 3x3 convolutions: a few ms of work on a CPU. */
const shallow = [3, 32, 48, 48, 48] as const;

/** Three on a picture of 224 x 224, which is much to read beside the work of a few ms that it asks for. */
const large = [3, 8, 16, 16] as const;

/** Eight of them, 4 thousand million multiplications a picture: as many as ResNet-50 has. */
export const deep = [3, 64, 128, 128, 128, 128, 128, 128, 128] as const;

/** Convolutions on [batch, 3, side, side] and a mean over the picture: logits [batch, last of channels]. */
export function cnnModel(channels: readonly number[], type: 'FP32' | 'FP16' = 'FP32', side = 64): Buffer {
  const weights: Weight[] = [];
  const nodes: Node[] = [];
  for (let layer = 1; layer < channels.length; layer++) {
    const weight = weightOf(`w${layer}`, [channels[layer] ?? 0, channels[layer - 1] ?? 0, 3, 3]);
    weights.push(type === 'FP32' ? weight : { ...weight, data: Float16Array.from(weight.data) });
    nodes.push({ op: 'Conv', inputs: [layer === 1 ? 'x' : `r${layer - 1}`, `w${layer}`], outputs: [`c${layer}`] });
    nodes.push({ op: 'Relu', inputs: [`c${layer}`], outputs: [`r${layer}`] });
  }
  nodes.push({ op: 'GlobalAveragePool', inputs: [`r${channels.length - 1}`], outputs: ['pooled'] });
  nodes.push({ op: 'Flatten', inputs: ['pooled'], outputs: ['logits'] });
  return onnxModel({
    inputs: [{ name: 'x', type, shape: ['batch', 3, side, side] }],
    outputs: [{ name: 'logits', type, shape: ['batch', channels.at(-1) ?? 0] }],
    weights,
    nodes,
  });
}

/** The mean of all products of a column and a row: a request of a few numbers can ask for a table of any size. */
export function outerModel(): Buffer {
  return onnxModel({
    inputs: [
      { name: 'a', type: 'FP32', shape: ['rows', 1] },
      { name: 'b', type: 'FP32', shape: [1, 'columns'] },
    ],
    outputs: [{ name: 'mean', type: 'FP32', shape: [1, 1] }],
    nodes: [
      { op: 'MatMul', inputs: ['a', 'b'], outputs: ['table'] },
      { op: 'ReduceMean', inputs: ['table'], outputs: ['mean'] },
    ],
  });
}

/** One row, and its elements. */
export interface Row {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const mlpRow: Row = { shape: [1, 64], data: Array.from({ length: 64 }, (_, index) => (index % 17) / 16) };

const pictureOf = (side: number): Row => ({
  shape: [1, 3, side, side],
  data: Array.from({ length: 3 * side * side }, (_, index) => (index % 256) / 256),
});

export const cnnRow = pictureOf(64);
export const pictureRow = pictureOf(224);

/** The model files by name. */
export const benchModels = {
  mlp: () => mlpModel(mlps.mlp),
  wide: () => mlpModel(mlps.wide),
  cnn: () => cnnModel(shallow),
  picture: () => cnnModel(large, 'FP32', 224),
} as const;

export type BenchModel = keyof typeof benchModels;
