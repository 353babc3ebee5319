/** The user's tool against the API server of the tests. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testKubeconfig } from './kubeconfig.ts';

const run = promisify(execFile);
const call = (words: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  run('kubectl', ['--kubeconfig', testKubeconfig(), ...words], { maxBuffer: 1 << 26 });

/** What it prints; throws what it complains about. */
export const kubectl = async (...words: readonly string[]): Promise<string> => (await call(words)).stdout;

/** Applies one or many documents, YAML or JSON. */
export const apply = async (text: string): Promise<string> =>
  (await withFile(text, (file) => call(['apply', '-f', file]))).stdout;

/** Also while another test applies the same: a plain apply looks first, and is answered AlreadyExists where two create at once. */
export const applyOnServer = async (text: string): Promise<string> =>
  (await withFile(text, (file) => call(['apply', '--server-side', '-f', file]))).stdout;

/** What the API server would warn about, were this applied. */
export const warnings = async (text: string): Promise<string> =>
  (await withFile(text, (file) => call(['apply', '--dry-run=server', '-f', file]))).stderr;

async function withFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kubectl-'));
  const file = join(folder, 'all.yaml');
  await writeFile(file, text);
  return use(file).finally(() => rm(folder, { recursive: true }));
}
