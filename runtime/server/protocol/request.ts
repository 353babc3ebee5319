/** The inner language: what a model asks for and gives, and one request and its result, whatever the wire said. */
import type { Datatype, Tensor } from '../tensor.ts';
import { invalid } from './errors.ts';

/** The signature of one input or output; -1 is a dynamic dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** What a model takes and gives. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** An output that the caller wants, and whether as raw bytes. */
export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}

/** How a request is to be scheduled. */
export interface SchedulePolicy {
  /** A level of the line. */
  readonly level: number;
  /** How long it may wait; Infinity is for as long as it takes. */
  readonly timeoutMs: number;
}

/** A request whose tensors fit the signature: inputs in the signature's order, outputs in the caller's. */
export interface InferenceRequest {
  readonly id?: string;
  /** Absent when its caller says nothing. */
  readonly policy?: SchedulePolicy;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly RequestedOutput[];
}

/** The outputs of one request, in the order in which they were requested. */
export interface InferenceResult {
  readonly outputs: readonly Tensor[];
}

const shown = (shape: readonly number[]): string => `[${shape.join(',')}]`;

/** Whether the caller's shape is one that the signature allows. */
export function shapeFits(spec: readonly number[], shape: readonly number[]): boolean {
  return spec.length === shape.length && spec.every((dim, axis) => dim === -1 || dim === shape[axis]);
}

/** Refuses a datatype or shape that the signature does not allow, in a sentence that names both. */
export function checkInput(spec: TensorSpec, datatype: unknown, shape: readonly number[]): void {
  if (datatype !== spec.datatype) {
    const shown = typeof datatype === 'string' ? datatype.slice(0, 40) : typeof datatype;
    throw invalid(`input '${spec.name}' has datatype ${shown}, the model takes ${spec.datatype}`);
  }
  if (!shapeFits(spec.shape, shape)) {
    throw invalid(`input '${spec.name}' has shape ${shown(shape)}, the model takes ${shown(spec.shape)}`);
  }
}

/** The inputs in the signature's order. Refuses a missing one. */
export function inOrder(signature: Signature, inputs: ReadonlyMap<string, Tensor>): readonly Tensor[] {
  return signature.inputs.map((spec) => {
    const tensor = inputs.get(spec.name);
    if (tensor === undefined) throw invalid(`input '${spec.name}' is missing`);
    return tensor;
  });
}
