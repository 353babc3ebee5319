/** manifest.json beside model.onnx, as crds/contracts/model-manifest.schema.json defines it. */
import { isDatatype } from './tensor.ts';
import { shapeFits, type Signature, type TensorSpec } from './protocol/request.ts';

/** What the server uses of a manifest. */
export interface Manifest extends Signature {
  /** Of model.onnx, in hexadecimal. */
  readonly sha256: string;
  /** Class names by index of the output's last axis. */
  readonly labels?: readonly string[];
}

/** A manifest, or one sentence that says what is wrong with it. */
export type ParsedManifest =
  { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly message: string };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isDim = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= -1;

function specOf(value: unknown): TensorSpec | undefined {
  if (!isRecord(value)) return undefined;
  const { name, datatype, shape } = value;
  if (typeof name !== 'string' || !isDatatype(datatype)) return undefined;
  return Array.isArray(shape) && shape.every(isDim) ? { name, datatype, shape } : undefined;
}

function specsOf(value: unknown): readonly TensorSpec[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const specs = value.map(specOf);
  return specs.every((spec) => spec !== undefined) ? specs : undefined;
}

function labelsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((label) => typeof label === 'string') ? value : undefined;
}

function manifestOf(value: unknown): Manifest | string {
  if (!isRecord(value)) return 'it is not an object';
  if (value['manifestVersion'] !== 'v1') return "manifestVersion is not 'v1'";
  const { sha256 } = value;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return 'sha256 is not 64 hexadecimal digits';
  const [inputs, outputs] = [specsOf(value['inputs']), specsOf(value['outputs'])];
  if (inputs === undefined) return 'inputs is not a list of name, datatype and shape';
  if (outputs === undefined) return 'outputs is not a list of name, datatype and shape';
  if (value['labels'] === undefined) return { sha256, inputs, outputs };
  const labels = labelsOf(value['labels']);
  return labels === undefined ? 'labels is not a list of strings' : { sha256, inputs, outputs, labels };
}

/** Parses the text of a manifest. */
export function parseManifest(text: string): ParsedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, message: 'manifest.json is not JSON' };
  }
  const manifest = manifestOf(value);
  return typeof manifest === 'string'
    ? { ok: false, message: `manifest.json is not valid: ${manifest}` }
    : { ok: true, manifest };
}

function conflict(kind: string, promised: TensorSpec, found: TensorSpec | undefined): string | undefined {
  if (found === undefined) return `the manifest promises the ${kind} '${promised.name}', the model has none`;
  if (found.datatype !== promised.datatype) {
    return `the manifest says that '${promised.name}' is ${promised.datatype}, the model says ${found.datatype}`;
  }
  // An output whose shape the model file leaves open is taken at the manifest's word.
  if (found.shape.length === 0 || shapeFits(found.shape, promised.shape)) return undefined;
  return `the manifest says that '${promised.name}' is [${promised.shape.join(',')}], the model says [${found.shape.join(',')}]`;
}

/** Undefined when the model keeps the manifest's promises; otherwise one sentence with the first that it breaks. */
export function brokenPromise(manifest: Signature, model: Signature): string | undefined {
  const check = (kind: string, promised: readonly TensorSpec[], found: readonly TensorSpec[]): string | undefined => {
    if (promised.length !== found.length) {
      return `the manifest names ${promised.length} ${kind}s, the model has ${found.length}`;
    }
    const conflicts = promised.map((spec) =>
      conflict(
        kind,
        spec,
        found.find(({ name }) => name === spec.name),
      ),
    );
    return conflicts.find((sentence) => sentence !== undefined);
  };
  return check('input', manifest.inputs, model.inputs) ?? check('output', manifest.outputs, model.outputs);
}
