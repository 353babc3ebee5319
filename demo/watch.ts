/** Changes of objects as the API server tells them, one line each, by `kubectl get --watch`. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Watched {
  readonly namespace: string;
  readonly kind: string;
  readonly selector?: string;
  /** JSON paths into the object, such as `.metadata.name`. */
  readonly columns: readonly string[];
}

/** Calls `hear` with the type of each change (ADDED, MODIFIED, DELETED) and the columns, until the result is called. */
export function watchChanges(
  { namespace, kind, selector = '', columns }: Watched,
  hear: (type: string, values: readonly string[]) => void,
): () => void {
  const paths = ['.type', ...columns.map((column) => `.object${column}`)];
  const output = `--output=jsonpath=${paths.map((path) => `{${path}}`).join('|')}{"\\n"}`;
  const args = ['--namespace', namespace, 'get', kind, '--watch', '--output-watch-events', output];
  const child = spawn('kubectl', [...args, '--selector', selector], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [type = '', ...values] = line.split('|');
    hear(type, values);
  });
  return () => void child.kill();
}
