/** Managers of other projects as they are released: programs built with Go, and manifests, both from their modules. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../operator/kernel/objects.ts';
import { buildFolder } from './cache.ts';

const run = promisify(execFile);

export interface Module {
  readonly path: string;
  readonly version: string;
  readonly name: string;
  /** The folder of the program. */
  readonly main: string;
  readonly definitions: string;
  readonly webhooks: string;
  readonly config: string;
}

/** A webhook configuration; only where its webhooks are found, and what they are asked about, is of interest. */
export interface WebhookConfiguration extends KubeObject {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: { readonly path: string } };
    readonly rules: readonly { readonly apiGroups: readonly string[]; readonly resources: readonly string[] }[];
  }[];
}

/** One manager as it is released. */
export interface Manager {
  readonly name: string;
  readonly program: string;
  readonly definitions: readonly KubeObject[];
  readonly webhooks: readonly WebhookConfiguration[];
  readonly config: Readonly<Record<string, object>>;
}

/** The folder with the sources of a module, downloaded once. */
export async function sources({ path, version }: Pick<Module, 'path' | 'version'>): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', `${path}@${version}`]);
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir;
}

/** As its own go.mod and go.sum say, once for each version. */
async function built({ name, main, version }: Module, folder: string): Promise<string> {
  const program = join(buildFolder, `${name}-${version}`, name);
  if (existsSync(program)) return program;
  console.log(`building ${name} ${version}, some minutes the first time`);
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' };
  mkdirSync(dirname(program), { recursive: true });
  await run('go', ['build', '-ldflags=-s -w', '-o', `${program}.new`, `./${main}`], { cwd: folder, env });
  renameSync(`${program}.new`, program);
  return program;
}

const documents = <T>(file: string): T[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as T);

/** Builds it where it is not there yet. `folder`: its sources. */
export async function managerOf(module: Module, folder: string): Promise<Manager> {
  const definitions = readdirSync(join(folder, module.definitions))
    .flatMap((file) => documents<KubeObject>(join(folder, module.definitions, file)))
    .filter(({ kind }) => kind === 'CustomResourceDefinition');
  return {
    ...{ name: module.name, program: await built(module, folder), definitions },
    webhooks: documents(join(folder, module.webhooks)),
    config: parse(readFileSync(join(folder, module.config), 'utf8')) as Manager['config'],
  };
}
