/** A real operator process, one of several that would lead, behind a proxy of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { childEnvironment } from '../../support/child-environment.ts';
import { settings } from '../../support/runs.ts';
import { Interference } from '../interference.ts';
import { FaultProxy } from '../proxy.ts';
import type { Laboratory } from '../laboratory.ts';
import type { Trace } from '../trace.ts';
import type { Mishap } from './mishap.ts';
import type { WeakFence } from './weak-fence.ts';

export interface Candidate {
  readonly instance: number;
  readonly process: ChildProcess;
  readonly proxy: FaultProxy;
  /** How it ended: an exit code or the name of a signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** When it ended, by the clock of the trace; undefined while it lives. */
  readonly endedAtMs: () => number | undefined;
  /** Ends the standstill of its mishap. */
  wake(): Promise<void>;
  /** Ends it by force, and takes its files away. */
  stop(): Promise<void>;
}

/** The processes of one test share namespace, lease and trace. */
export interface Candidacy {
  readonly laboratory: Laboratory;
  readonly namespace: string;
  readonly trace: Trace;
}

const kubeconfig = (server: string): string =>
  stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'proxy' },
    clusters: [{ name: 'proxy', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'nobody' } }],
  });

const configuration = (namespace: string): string =>
  stringify({ ...settings, gateway: { ...settings.gateway, namespace }, watchNamespace: namespace });

const ignored = (): never => {
  throw new Error('nothing of the kind is planned');
};

/** What sets it apart from an operator in production. */
export interface Oddity {
  /** What it meets with on SIGUSR2. */
  readonly mishap?: Mishap | undefined;
  readonly fence?: WeakFence | undefined;
}

const preloaded = (name: string): readonly string[] => ['--import', resolve(`test/faults/leadership/${name}.ts`)];

const preloadsFor = ({ mishap, fence }: Oddity): readonly string[] => [
  ...(mishap === undefined ? [] : preloaded('mishap')),
  ...(fence === undefined ? [] : preloaded('weak-fence')),
];

interface Surroundings extends Oddity {
  readonly folder: string;
  readonly namespace: string;
  readonly instance: number;
}

const mishapOverIn = (folder: string): string => join(folder, 'mishap-is-over');

const environment = ({ folder, namespace, instance, mishap, fence }: Surroundings): NodeJS.ProcessEnv => ({
  ...{ ...childEnvironment, KUBECONFIG: join(folder, 'kubeconfig') },
  ...{ LIMBECK_CONFIG: join(folder, 'operator.yaml'), LIMBECK_ADMIN_PORT: '0', LIMBECK_LOG_LEVEL: 'error' },
  ...{ POD_NAME: `operator-${String(instance)}`, POD_NAMESPACE: namespace },
  ...{ MISHAP: mishap, MISHAP_OVER: mishapOverIn(folder), FENCE: fence },
});

export async function startCandidate(
  { laboratory, namespace, trace }: Candidacy,
  instance: number,
  oddity: Oddity = {},
): Promise<Candidate> {
  const proxy = await FaultProxy.start({
    ...{ access: laboratory.access, upstream: laboratory.upstream, trace, instance },
    ...{ interference: new Interference({ scenario: 'leadership', faults: [] }, trace) },
    ...{ needed: laboratory.needed, crashed: ignored, befell: ignored },
  });
  const folder = await mkdtemp(join(tmpdir(), 'limbeck-candidate-'));
  await writeFile(join(folder, 'kubeconfig'), kubeconfig(proxy.url));
  await writeFile(join(folder, 'operator.yaml'), configuration(namespace));
  const env = environment({ folder, namespace, instance, ...oddity });
  const child = spawn(process.execPath, [...preloadsFor(oddity), 'operator/main.ts'], { env, stdio: 'ignore' });
  let atMs: number | undefined;
  const ended = new Promise<number | NodeJS.Signals>((tell) =>
    child.once('exit', (code, signal) => {
      atMs = performance.now();
      tell(code ?? signal ?? 'SIGKILL');
    }),
  );
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    proxy.cut();
    await rm(folder, { recursive: true });
  };
  const wake = (): Promise<void> => writeFile(mishapOverIn(folder), '');
  return { instance, process: child, proxy, ended, endedAtMs: () => atMs, wake, stop };
}
