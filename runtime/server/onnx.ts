/**
 * The only importer of onnxruntime-node. Creating a session and running one are synchronous native calls that block
 * whichever thread makes them, so it belongs in worker threads, and on the main thread only where that is known to be short.
 */
import { env, InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import { datatypeOf, datatypes, type Datatype, type NumericData, type Tensor } from './tensor.ts';
import type { TensorSpec } from './protocol/request.ts';
import type { Provider } from './providers.ts';
import type { Loaded, SessionOptions } from './worker-protocol.ts';

/**
 * Upstream's tensors turn FP16 into Float16Array where that exists, which its native half then reads as empty. It looks
 * once, when the first tensor is made: that one is made while there is none to be seen.
 */
function withoutHalves(): void {
  const found = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
  Reflect.deleteProperty(globalThis, 'Float16Array');
  new OnnxTensor('bool', Uint8Array.of(0), [1]);
  if (found !== undefined) Object.defineProperty(globalThis, 'Float16Array', found);
}
withoutHalves();

/** A loaded model that runs one batch at a time. */
export interface Session {
  readonly loaded: Loaded;
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
  release(): Promise<void>;
}

type Metadata = InferenceSession.ValueMetadata;

function specOf(metadata: Metadata): TensorSpec {
  if (!metadata.isTensor) throw new TypeError(`'${metadata.name}' is not a tensor; only tensors can be served`);
  const datatype = datatypeOf(metadata.type);
  if (datatype === undefined) {
    throw new TypeError(`'${metadata.name}' has the element type ${metadata.type}, which the protocol cannot carry`);
  }
  return { name: metadata.name, datatype, shape: metadata.shape.map((dim) => (typeof dim === 'number' ? dim : -1)) };
}

/** Whether axis 0 is one and the same dynamic dimension everywhere. Unnamed dimensions count as one. */
function hasBatchAxis(values: readonly Metadata[]): boolean {
  const names = new Set(values.map((value) => (value.isTensor ? value.shape[0] : undefined)));
  const [name] = names;
  return names.size === 1 && (typeof name === 'string' || name === -1);
}

function loadedOf({ session, provider, passedOver }: Opened): Loaded {
  const { inputMetadata, outputMetadata } = session;
  return {
    ...(passedOver !== undefined && { passedOver }),
    inputs: inputMetadata.map(specOf),
    outputs: outputMetadata.map(specOf),
    provider,
    batchAxis: hasBatchAxis([...inputMetadata, ...outputMetadata]),
  };
}

/** Upstream's constructor is a union of overloads by literal type name; the dtype table keeps name and array together. */
function toOnnx({ datatype, data, shape }: Tensor): OnnxTensor {
  const type = datatypes[datatype].onnx as 'float32';
  return new OnnxTensor(type, data as Float32Array, shape);
}

/** Upstream always copies outputs into arrays of their own, so they can be given away. */
function fromOnnx(name: string, datatype: Datatype, tensor: OnnxTensor): Tensor {
  return { name, datatype, shape: tensor.dims, data: tensor.data as NumericData | string[] };
}

// Errors are thrown as well, and a stranger must not be able to fill standard error with plain text.
env.logLevel = 'fatal';

interface Opened {
  readonly session: InferenceSession;
  readonly provider: Provider;
  readonly passedOver?: string;
}

/** Element types that Node's arrays have no word for, by their numbers in TensorProto.DataType. */
const foreignTypes: Readonly<Record<string, string>> = { 14: 'complex64', 15: 'complex128', 16: 'bfloat16' };

/** Upstream tells such a type by its number. */
function inWords(error: unknown): never {
  const [, type] = /Unsupported data type: (\d+)/.exec(error instanceof Error ? error.message : '') ?? [];
  if (type === undefined) throw error;
  const name = foreignTypes[type] ?? `number ${type}`;
  throw new TypeError(`an input or output has the element type ${name}, which cannot be served; cast it in the model`);
}

/**
 * Products of a single row have a kernel of their own on the CPU, but only as long as they are not scaled as well: where ONNX
 * Runtime makes the scale of attention a part of them, it first copies all keys into another order, which costs more than the product.
 */
const unscaled = { optimization: { disable_specified_optimizers: 'MatMulScaleFusion' } } as const;

/** What ONNX Runtime is told. Operators that the provider lacks run on the CPU. */
export function optionsOf(provider: Provider, { intraOpThreads, writesTokens }: Omit<SessionOptions, 'path'>) {
  return {
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // 4 = fatal only.
    logSeverityLevel: 4,
    ...(writesTokens === true && provider === 'cpu' && { extra: unscaled }),
  } satisfies InferenceSession.SessionOptions;
}

const openOn = (provider: Provider, options: SessionOptions): Promise<InferenceSession> =>
  InferenceSession.create(options.path, optionsOf(provider, options)).catch(inWords);

async function open(options: SessionOptions): Promise<Opened> {
  const [first = 'cpu', second] = options.providers;
  try {
    return { session: await openOn(first, options), provider: first };
  } catch (error) {
    if (second === undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    // Where the file is no model, this says so as well.
    return { session: await openOn(second, options), provider: second, passedOver: `${first}: ${why}` };
  }
}

/** Loads a model on the first provider that takes it. Throws upstream's sentence when the file is no valid model. */
export async function createSession(options: SessionOptions): Promise<Session> {
  const opened = await open(options);
  const { session } = opened;
  const loaded = loadedOf(opened);
  const types = new Map(loaded.outputs.map(({ name, datatype }) => [name, datatype]));
  return {
    loaded,
    run: async (inputs, outputs) => {
      const results = await session.run(Object.fromEntries(inputs.map((input) => [input.name, toOnnx(input)])), [
        ...outputs,
      ]);
      return outputs.map((name) => {
        const [tensor, datatype] = [results[name], types.get(name)];
        if (!(tensor instanceof OnnxTensor) || datatype === undefined)
          throw new TypeError(`output '${name}' is missing`);
        return fromOnnx(name, datatype, tensor);
      });
    },
    release: () => session.release(),
  };
}
