/** The models of the serving bench, written for the occasion, and the requests for them. */
import { mlpModel, onnxModel, type Node, type Weight } from '../../test/support/onnx-model.ts';

/** The way to the model is all of it; and one whose 16 MiB of weights must be read. */
export const mlps = { mlp: [64, 256, 10], wide: [64, 65_536, 10] } as const;

function weightOf(name: string, shape: readonly number[]): Weight {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
  // Small and mixed in sign, so that no layer runs off.
  return { name, shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) / fanIn) };
}

const channels = [3, 32, 48, 48, 48] as const;

/** Four 3x3 convolutions on [batch, 3, 64, 64] and a mean over the picture: logits [batch, 48]; a few ms of work. */
export function cnnModel(): Buffer {
  const weights: Weight[] = [];
  const nodes: Node[] = [];
  for (let layer = 1; layer < channels.length; layer++) {
    weights.push(weightOf(`w${layer}`, [channels[layer] ?? 0, channels[layer - 1] ?? 0, 3, 3]));
    nodes.push({ op: 'Conv', inputs: [layer === 1 ? 'x' : `r${layer - 1}`, `w${layer}`], outputs: [`c${layer}`] });
    nodes.push({ op: 'Relu', inputs: [`c${layer}`], outputs: [`r${layer}`] });
  }
  nodes.push({ op: 'GlobalAveragePool', inputs: [`r${channels.length - 1}`], outputs: ['pooled'] });
  nodes.push({ op: 'Flatten', inputs: ['pooled'], outputs: ['logits'] });
  return onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 3, 64, 64] }],
    outputs: [{ name: 'logits', type: 'FP32', shape: ['batch', 48] }],
    weights,
    nodes,
  });
}

/** One row, and its elements. */
export interface Row {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const mlpRow: Row = { shape: [1, 64], data: Array.from({ length: 64 }, (_, index) => (index % 17) / 16) };

export const cnnRow: Row = {
  shape: [1, 3, 64, 64],
  data: Array.from({ length: 3 * 64 * 64 }, (_, index) => (index % 256) / 256),
};

/** The model files of one bench by name. */
export function benchModels(): Readonly<Record<string, Buffer>> {
  return { mlp: mlpModel(mlps.mlp), wide: mlpModel(mlps.wide), cnn: cnnModel() };
}
