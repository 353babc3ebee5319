/** Which execution providers of ONNX Runtime sessions are opened with, and whether this host has that of NVIDIA's GPUs. */
import { existsSync } from 'node:fs';
import { createRequire as requireFrom } from 'node:module';
import { dirname, join } from 'node:path';

/** What runs a model. */
export type Provider = 'cpu' | 'cuda';

/** What may be asked for; `auto` is CUDA where there is a GPU and the library for it, and otherwise the CPU. */
export const providerChoices = ['auto', 'cpu', 'cuda'] as const;
export type ProviderChoice = (typeof providerChoices)[number];

/** What a session with CUDA needs: a GPU that is seen, and its provider beside ONNX Runtime. */
export interface Cuda {
  readonly device: boolean;
  readonly library: boolean;
}

/** The providers to try, in this order. What was asked for by name is not replaced by another. */
export function providersFor(choice: ProviderChoice, { device, library }: Cuda): readonly Provider[] {
  if (choice !== 'auto') return [choice];
  return device && library ? ['cuda', 'cpu'] : ['cpu'];
}

/** Why a GPU that is held is not even tried, where nobody has asked for that: all its time would be lost in silence. */
export function untried(choice: ProviderChoice, { device, library }: Cuda): string | undefined {
  if (choice !== 'auto' || !device || library) return undefined;
  return 'cuda: there is a GPU, and no library for it here; take the image server-cuda, or say LIMBECK_PROVIDER=cpu';
}

/** The driver's devices, as NVIDIA's container runtime brings them; on Windows' Linux there is one for all. */
const devices = ['/dev/nvidiactl', '/dev/dxg'];

/** What this host has of it. */
export function hostCuda(exists: (path: string) => boolean = existsSync): Cuda {
  // An image has nothing of the package but this and the libraries.
  const description = requireFrom(import.meta.url).resolve('onnxruntime-node/package.json');
  const libraries = join(dirname(description), 'bin', 'napi-v6', process.platform, process.arch);
  return { device: devices.some(exists), library: exists(join(libraries, 'libonnxruntime_providers_cuda.so')) };
}

/**
 * What is FP32 is computed as FP32. NVIDIA's libraries would round the factors of every product to eleven bits (TF32): eight
 * convolutions came out two hundredths of the largest output away from the CPU's. Who wants that says so in the same
 * variable. It is read when the libraries are, so this must be said before.
 */
export function keepFullPrecision(environment: NodeJS.ProcessEnv): void {
  environment['NVIDIA_TF32_OVERRIDE'] ??= '0';
}
