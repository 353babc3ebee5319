/** Who may import whom, as data; docs/architecture.md tells the same in words. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Layer → the layers below it that it may import. A layer always may import itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  process: [],
  'operator/kernel': ['process'],
  'operator/api': ['operator/kernel'],
  'operator/workloads': ['operator/kernel', 'operator/api'],
  'operator/training': ['operator/kernel', 'operator/api', 'operator/workloads'],
  'operator/distillation': ['operator/kernel', 'operator/api', 'operator/workloads'],
  'operator/serving': ['operator/kernel', 'operator/api', 'operator/workloads'],
  'operator/progress': ['process', 'operator/kernel', 'operator/api'],
  'operator/autoscaler': ['process', 'operator/kernel', 'operator/api'],
  'operator/gateway': ['process', 'operator/kernel', 'operator/api'],
  operator: [
    'process',
    'operator/kernel',
    'operator/api',
    'operator/workloads',
    'operator/training',
    'operator/distillation',
    'operator/serving',
    'operator/progress',
    'operator/autoscaler',
  ],
  'runtime/server': ['process'],
  'runtime/store': ['process'],
  crds: ['operator/api'],
};

/** Packages that exactly one place may import, so that an upgrade has one address. */
const soleImporters: Readonly<Record<string, RegExp>> = {
  '@kubernetes/client-node': /^operator\/kernel\/credentials\.ts$/,
  // The benchmark's reference is a server without ours.
  'onnxruntime-node': /^(runtime\/server\/onnx|bench\/serving\/(?:reference|ceiling|creation))\.ts$/,
  '@huggingface/tokenizers': /^runtime\/server\/decoding\/text-codec\.ts$/,
  '@huggingface/jinja': /^runtime\/server\/decoding\/chat-template\.ts$/,
  '@opentelemetry': /^runtime\/server\/tracing\//,
  '@grpc/grpc-js': /^runtime\/server\/grpc\/server\.ts$/,
  winston: /^process\/logger\.ts$/,
};

export interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every import of a file: repository paths for relative ones, package names for the rest. */
export function importsOf(file: string): readonly Import[] {
  const text = readFileSync(file, 'utf8');
  const specifiers = [...text.matchAll(/^(?:import|export)\s(?:[^;'"]*\sfrom\s)?['"]([^'"]+)['"]/gm)].map(
    (m) => m[1] ?? '',
  );
  return specifiers.map((to) => ({ from: file, to: to.startsWith('.') ? normalize(join(dirname(file), to)) : to }));
}

/** The layer a file belongs to: its folder, or the parent where the folder is no layer of its own. */
function layerOf(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder))
    if (folder in mayImport) return folder;
  return undefined;
}

/** A sentence when the import points the wrong way. */
export function violation({ from, to }: Import): string | undefined {
  const sole = Object.entries(soleImporters).find(([name]) => to === name || to.startsWith(`${name}/`));
  if (sole !== undefined) return sole[1].test(from) ? undefined : `${from} imports ${to}; only ${sole[1].source} may`;
  const [layer, target] = [layerOf(from), layerOf(to)];
  if (layer === undefined || target === undefined || layer === target) return undefined;
  return mayImport[layer]?.includes(target) === true ? undefined : `${from} (${layer}) imports ${to} (${target})`;
}
