/** The real cluster as the end-to-end tests see it: chart installed, namespaces of their own, and a few ways to do harm. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { jest } from '@jest/globals';
import { parse } from 'yaml';
import type { Config } from '../../demo/config.ts';
import { openGateway, type Gateway } from '../../demo/gateway.ts';
import { conditionOf, Kubectl, type Pod, type Status } from '../../demo/kubectl.ts';
import { processesOf, variableOf } from '../../demo/processes.ts';
import { configHere } from './world.ts';

/** Much happens in one test here, on machines of any speed; a project of Jest cannot say so in its settings. */
jest.setTimeout(300_000);

export interface Images {
  readonly operator: string;
  readonly server: string;
  readonly trainer: string;
  readonly store: string;
}

export interface Lab {
  readonly config: Config;
  readonly system: Kubectl;
  readonly gateway: Gateway;
  readonly images: Images;
}

/** The cluster as `prepare.ts` has left it. */
export async function openLab(): Promise<Lab> {
  const config = configHere();
  const { images } = parse(await readFile(config.valuesFile, 'utf8')) as { images: Images };
  return { config, system: new Kubectl(config.system), gateway: await openGateway(config), images };
}

/** An object of one of our kinds. */
export const ours = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'limbeck.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});

const small = { requests: { cpu: '50m', memory: '256Mi' }, limits: { cpu: '1', memory: '1Gi' } };
/** On CPU and with little set aside, so that much fits on the node at once. */
export const placement = { gpuProfiles: ['cpu'], resources: small };

/** A TrainingJob on digits that takes a few seconds. */
export const training = (name: string, rest: object = {}): object =>
  ours('TrainingJob', name, {
    task: 'classification',
    model: { linear: {} },
    data: { source: { builtin: 'digits' } },
    optimization: { learningRate: 0.01, epochs: 5 },
    placement,
    ...rest,
  });

/** Of a TrainingJob: its data is this file of the store. */
export const stored = (uri: string): object => ({ data: { source: { s3: { uri } } } });

/** A ModelService with one replica that stays. */
export const serving = (name: string, model: object, scaling: object = {}): object =>
  ours('ModelService', name, {
    model,
    runtime: { onnx: { instances: 1, threads: 1 } },
    scaling: { minReplicas: 1, maxReplicas: 4, ...scaling },
    placement,
  });

/** Waits for a condition and gives the sentence that it says; `reason` undefined takes any. */
export const untilCondition = (
  kubectl: Kubectl,
  [kind, name]: readonly [string, string],
  [type, status, reason]: readonly [string, string, string?],
  seconds = 240,
): Promise<string> =>
  kubectl.until<Status, string>({
    ...{ kind, name, seconds, what: `having ${type}=${status} ${reason ?? ''}` },
    judge: (seen) => {
      const condition = conditionOf(seen, type);
      const fits = condition?.status === status && (reason === undefined || condition.reason === reason);
      return fits ? condition.message : undefined;
    },
  });

/** Runs a program in the trainer image with the store's credentials, and gives what it printed. */
export const inTrainer = (kubectl: Kubectl, image: string, program: string, ...args: string[]): Promise<string> =>
  runPython(kubectl, image, [program, ...args]);

/** Kubernetes puts variables in the place of `$(NAME)`. */
const verbatim = (text: string): string => text.replaceAll('$', '$$$$');

/** The same with this claim's volume at /data. */
export async function runPython(
  kubectl: Kubectl,
  image: string,
  program: readonly string[],
  claimName?: string,
): Promise<string> {
  const name = `python-${randomUUID().slice(0, 8)}`;
  const claim = claimName === undefined ? [] : [{ name: 'data', persistentVolumeClaim: { claimName } }];
  const container = {
    ...{ name: 'python', image, command: ['python3', '-c', ...program.map(verbatim)] },
    envFrom: [{ secretRef: { name: 'limbeck-store' } }],
    env: [{ name: 'HOME', value: '/tmp' }],
    resources: small,
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: claim.map((volume) => ({ name: volume.name, mountPath: '/data' })),
  };
  const user = { runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532 };
  const securityContext = { ...user, seccompProfile: { type: 'RuntimeDefault' } };
  const spec = { restartPolicy: 'Never', securityContext, containers: [container], volumes: claim };
  await kubectl.applyObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  const phase = await kubectl.until<NonNullable<Pod['status']>, string>({
    ...{ kind: 'pod', name, seconds: 180, what: 'ending' },
    judge: (status) => (status.phase === 'Succeeded' || status.phase === 'Failed' ? status.phase : undefined),
  });
  const printed = await kubectl.run(['logs', name]);
  if (phase === 'Failed') throw new Error(printed);
  return printed;
}

/** Programs for `inTrainer`; the first argument is where they write to. */
export const uploadDigits = `
import io, sys
import numpy
from limbeck_trainer.data_config import Builtin
from limbeck_trainer.data import load_data
from limbeck_trainer.store import Store
digits, file, store = load_data(Builtin("digits"), Store()), io.BytesIO(), Store()
numpy.savez(file, x=digits.x, y=digits.y)
store.put(sys.argv[1], file.getvalue())
`;
export const uploadText = `
import sys
from limbeck_trainer.store import Store
Store().put(sys.argv[1], sys.argv[2].encode())
`;
/** Cuts the newest checkpoint below the folder of a run. */
export const damageNewest = `
import sys
from limbeck_trainer.store import Store
store = Store()
files = [uri for uri in store.list(sys.argv[1]) if uri.endswith(".pt")]
newest = max(files, key=lambda uri: int(uri.rsplit("-", 1)[1].removesuffix(".pt")))
store.put(newest, store.get(newest)[:-1])
`;
export const copyModel = `
import sys
from limbeck_trainer.store import Store
store = Store()
for file in ("model.onnx", "manifest.json"):
    store.put(f"{sys.argv[1]}/{file}", store.get(f"{sys.argv[2]}/{file}"))
`;

/**
 * As a node that is switched off would do it: no goodbye, no draining. Deleting by force still sends SIGTERM first, so
 * the pod's processes are killed before, where they run on this very machine. Over when it returns: what the caller
 * does next happens after.
 */
export function kill({ namespace }: Kubectl, pods: readonly string[]): void {
  // All are found before the first dies: with it its group ends, and those still to be found would be removed.
  for (const pid of pods.flatMap((name) => processesIn(namespace, name))) killNow(pid);
  // Where kubectl takes its time, the operator has seen the end and removed them.
  const removal = ['delete', 'pod', '--force', '--grace-period=0', '--ignore-not-found'];
  if (pods.length > 0) kubectlNow(namespace, [...removal, ...pods]);
}

/** A process may have died with its parent meanwhile. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Stops a pod's processes where they are, as a hung device or a debugger would: they keep all they have and do nothing. */
export function freeze({ namespace }: Kubectl, pod: string): void {
  for (const pid of processesIn(namespace, pod)) process.kill(pid, 'SIGSTOP');
}

/** Kills one of several processes of a pod, as a lack of memory would; the pod itself is left alone. */
export function killRank({ namespace }: Kubectl, pod: string, rank: number): void {
  const pid = processesIn(namespace, pod).find((one) => variableOf(one, 'RANK') === String(rank));
  if (pid === undefined) throw new Error(`${pod} has no process of rank ${rank}: its training was too short`);
  process.kill(pid, 'SIGKILL');
}

const processesIn = (namespace: string, pod: string): readonly number[] =>
  processesOf(kubectlNow(namespace, ['get', 'pod', pod, '--output=jsonpath={.metadata.uid}']));

const kubectlNow = (namespace: string, args: readonly string[]): string =>
  execFileSync('kubectl', ['--namespace', namespace, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** The operator's pods, the leader first. */
export function operators({ namespace }: Kubectl): readonly string[] {
  const leader = kubectlNow(namespace, [
    'get',
    'lease',
    'limbeck-operator',
    '--output=jsonpath={.spec.holderIdentity}',
  ]);
  const component = ['--selector', 'app.kubernetes.io/component=operator'];
  const pods = kubectlNow(namespace, ['get', 'pods', ...component, '--output=jsonpath={.items[*].metadata.name}']);
  const leads = (pod: string): number => Number(leader.startsWith(`${pod}_`));
  return pods.split(' ').sort((one, other) => leads(other) - leads(one));
}
