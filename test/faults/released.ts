/**
 * What an upgrade begins with: the operator and the definitions of kinds that `make keep-release` kept, with the file that
 * started it here then. They are kept and not fetched, so that a checkout without a history or a network has them, too.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Instance, InstanceOptions } from './instance.ts';

interface Starter {
  startInstance(options: InstanceOptions): Omit<Instance, 'died'>;
}

const archive = 'test/faults/released/operator.tgz';
const within = 'build/released';

/** Where it lies, laid out as the repository is; unpacked once for each archive, whole or not at all. */
export async function unpacked(): Promise<string> {
  const digest = createHash('sha256').update(await readFile(archive));
  const folder = resolve(within, digest.digest('hex').slice(0, 12));
  if (existsSync(folder)) return folder;
  await mkdir(within, { recursive: true });
  const half = await mkdtemp(`${folder}.`);
  await promisify(execFile)('tar', ['-xzf', archive, '-C', half]);
  await rename(half, folder);
  return folder;
}

let released: Promise<Starter> | undefined;

export async function startReleased(options: InstanceOptions): Promise<Instance> {
  released ??= unpacked().then((folder) => import(`${folder}/test/faults/instance.ts`) as Promise<Starter>);
  const instance = (await released).startInstance(options);
  // It did not say how it ended, and is never one of several that would lead.
  return { ...instance, died: new Promise(() => undefined) };
}
