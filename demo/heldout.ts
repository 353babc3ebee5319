/** The digits that no model was trained on: printed by a pod of the trainer image, so that the split is the trainer's own. */
import { readFile } from 'node:fs/promises';
import type { DistillationJobSpec } from '../operator/api/generated.ts';
import type { Kubectl, Pod } from './kubectl.ts';

export interface HeldOut {
  /** [n][values of one sample] */
  readonly x: readonly (readonly number[])[];
  /** [n] class indices */
  readonly y: readonly number[];
}

export const heldOutPod = 'digits-held-out';

/** Runs the pod, reads what it printed, and deletes it. */
export async function heldOut(kubectl: Kubectl, image: string, data: DistillationJobSpec['data']): Promise<HeldOut> {
  const program = await readFile(new URL('heldout.py', import.meta.url), 'utf8');
  await kubectl.remove(`pod/${heldOutPod}`);
  await kubectl.applyObject(podOf(image, ['python3', '-c', program, JSON.stringify(data)]));
  const phase = await kubectl.until<NonNullable<Pod['status']>, string>({
    kind: 'pod',
    name: heldOutPod,
    // Another node than those that have trained gets the image first.
    seconds: 300,
    what: 'printing the held-out digits',
    judge: (status) => (status.phase === 'Succeeded' || status.phase === 'Failed' ? status.phase : undefined),
  });
  const printed = await kubectl.run(['logs', heldOutPod]);
  await kubectl.remove(`pod/${heldOutPod}`);
  if (phase === 'Failed') throw new Error(`the pod ${heldOutPod} failed: ${printed.trim().split('\n').at(-1) ?? ''}`);
  return JSON.parse(printed) as HeldOut;
}

function podOf(image: string, command: readonly string[]): unknown {
  const container = {
    name: 'print',
    image,
    command,
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: heldOutPod },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [container],
    },
  };
}
