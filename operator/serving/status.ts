/**
 * What was observed → phase → conditions. Pure.
 *
 * | situation                              | phase    | Accepted | Progressing    | Ready             | Active  |
 * |----------------------------------------|----------|----------|----------------|-------------------|---------|
 * | nobody can deploy the spec as it is    | Refused  | False    | False          | False             | by pods |
 * | the model or a node is still to come   | Waiting  | Unknown  | False          | Unknown           | by pods |
 * | the artefact is not in the store, and  | Waiting  | Unknown  | False, trouble | Unknown, trouble  | by pods |
 * | no replica of it ever answered         |          |          |                |                   |         |
 * | a replica of the revision has trouble… | Failing  | True     | False, trouble |                   | by pods |
 * | … and no replica of it ever answered   |          |          |                | False, trouble    |         |
 * | … and none answers now                 |          |          |                | False, trouble    |         |
 * | … and others answer                    | Serving  |          |                | True              | True    |
 * | no replica of it answered yet          | Starting | True     | True           | Unknown, Starting | by pods |
 * | replicas are wanted and on their way   | Starting | True     | True           | True              | False   |
 * | a replica answers                      | Serving  | True     | by pods        | True              | True    |
 * | none is wanted                         | Idle     | True     | False          | True              | False   |
 * | a person wants none (replicas: 0)      | Idle     | True     | by pods        | False, Stopped    | by pods |
 *
 * Where a former revision still runs, it goes on serving in every row.
 */
import type { Pod } from '../api/kubernetes.ts';
import type { ModelServiceStatus } from '../api/generated.ts';
import type { ModelService, Stated } from '../api/resources.ts';
import type { ConditionType, Reason } from '../api/vocabulary.ts';
import type { Note } from '../kernel/cluster.ts';
import { stampConditions, type ConditionDraft } from '../kernel/objects.ts';
import { selectorOf, type Target } from './desired.ts';
import { refusalOf } from './refusal.ts';
import { meanwhileText } from './remembered.ts';
import { isReady, type Trouble } from './trouble.ts';
import { referenceOf, referenceText, type Artefact, type Obstacle } from './validate.ts';

/** Everything that the status is a function of. */
export interface Situation {
  readonly service: ModelService;
  /** Why the spec is not deployed. */
  readonly obstacle: Obstacle | undefined;
  /** What runs, or shall; where there is an obstacle, what ran before. */
  readonly target: Target | undefined;
  /** The model of the spec, where it was found. */
  readonly artefact: Artefact | undefined;
  /** Not before is anything deployed: this pass stores it, and the next one deploys. */
  readonly isModelStored: boolean;
  readonly url: string;
  readonly replicas: number;
  /** Why so many; undefined when nobody has said yet, empty when nobody will. */
  readonly why: string | undefined;
  /** Present pods of the target's revision, and of others. */
  readonly current: readonly Pod[];
  readonly others: readonly Pod[];
  readonly trouble: Trouble | undefined;
  /** A replica of the target's revision answered a real inference, now or earlier. */
  readonly verified: boolean;
}

type Verdict = readonly [status: ConditionDraft['status'], reason: Reason, message: string];
type Phase = NonNullable<ModelServiceStatus['phase']>;

const readyCount = ({ current, others }: Situation): number => [...current, ...others].filter(isReady).length;

/** Where the service stands, in one word. */
export function phaseOf(seen: Situation): Phase {
  const { obstacle, target, replicas, trouble, verified } = seen;
  if (obstacle !== undefined || target === undefined) return obstacle?.kind === 'refused' ? 'Refused' : 'Waiting';
  if (isMissing(seen)) return 'Waiting';
  const answers = readyCount(seen) > 0;
  if (trouble !== undefined && !(verified && answers)) return 'Failing';
  if (answers && verified) return 'Serving';
  return replicas === 0 ? 'Idle' : 'Starting';
}

/** What is referenced is not there yet. Nobody but a replica, which alone may read the store, can tell. */
const isMissing = ({ trouble, verified }: Situation): boolean => trouble?.reason === 'ArtefactMissing' && !verified;

function accepted(seen: Situation): Verdict {
  const { obstacle, trouble } = seen;
  if (obstacle !== undefined)
    return [obstacle.kind === 'refused' ? 'False' : 'Unknown', obstacle.reason, obstacle.message];
  if (trouble !== undefined && isMissing(seen)) return ['Unknown', trouble.reason, trouble.message];
  return ['True', 'Valid', 'the model is known and a GPU profile was chosen'];
}

function meanwhile(seen: Situation): string {
  const formers = seen.obstacle === undefined ? seen.others : seen.current;
  return meanwhileText(formers.filter(isReady).length);
}

const counted = (count: number): string => `${String(count)} ${count === 1 ? 'replica' : 'replicas'}`;

function progressing(seen: Situation): Verdict {
  const { obstacle, target, trouble, current, others, replicas, isModelStored } = seen;
  if (obstacle !== undefined) return ['False', obstacle.reason, obstacle.message + meanwhile(seen)];
  if (trouble !== undefined) return ['False', trouble.reason, trouble.message + meanwhile(seen)];
  const ready = current.filter(isReady).length;
  const revision = `revision ${target?.revision ?? ''}`;
  const isDone = isModelStored && others.length === 0 && ready === replicas && current.length === replicas;
  if (isDone) return ['False', 'RolledOut', `${counted(replicas)} of ${revision}`];
  const leaving = others.length === 0 ? '' : `; ${String(others.length)} of another revision are to go`;
  return ['True', 'RollingOut', `${String(ready)} of ${counted(replicas)} of ${revision} ready${leaving}`];
}

function ready(seen: Situation): Verdict {
  const { obstacle, trouble, verified, service, target } = seen;
  if (obstacle !== undefined) {
    const message = obstacle.message + meanwhile(seen);
    return [obstacle.kind === 'refused' ? 'False' : 'Unknown', obstacle.reason, message];
  }
  if (service.spec.replicas === 0) return ['False', 'Stopped', 'spec.replicas is 0: requests are refused'];
  const revision = `revision ${target?.revision ?? ''}`;
  const isStuck = trouble !== undefined && !(verified && readyCount(seen) > 0);
  if (isStuck) return [isMissing(seen) ? 'Unknown' : 'False', trouble.reason, trouble.message + meanwhile(seen)];
  if (verified) return ['True', 'Verified', `a replica of ${revision} answered a real inference`];
  return ['Unknown', 'Starting', `the first replica of ${revision} is on its way${meanwhile(seen)}`];
}

function active(seen: Situation): Verdict {
  const { replicas } = seen;
  const up = readyCount(seen);
  if (up > 0) return ['True', 'ReplicaUp', withReason(`${String(up)} up, ${String(replicas)} wanted`, seen)];
  if (replicas === 0) return ['False', 'NoReplicas', withReason('no replica is wanted now', seen)];
  return ['False', 'NoReplicaYet', withReason(`none up, ${String(replicas)} wanted`, seen)];
}

/** Who has just begun hears of the reason a moment later; what was said of the same spec is true until then. */
function withReason(sentence: string, { why, service }: Situation): string {
  if (why !== undefined) return why === '' ? sentence : `${sentence} (${why})`;
  const former = service.status?.conditions?.find(({ type }) => type === 'Active');
  const isOfSpec = former?.observedGeneration === service.metadata.generation;
  return isOfSpec && former?.message.startsWith(`${sentence} (`) === true ? former.message : sentence;
}

/** Every condition of the kind, in the order of the vocabulary. */
export function conditionsOf(seen: Situation, now: Date): Stated<ModelServiceStatus>['conditions'] {
  const { generation } = seen.service.metadata;
  const draft = (type: ConditionType, [status, reason, message]: Verdict): ConditionDraft => ({
    ...{ type, status, reason, message: message.slice(0, 4096) },
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
  const drafts = [
    draft('Accepted', accepted(seen)),
    draft('Progressing', progressing(seen)),
    draft('Ready', ready(seen)),
    draft('Active', active(seen)),
  ];
  return stampConditions(drafts, seen.service.status?.conditions, now);
}

/**
 * Reference and artefact of what runs belong together: by them a service keeps its model when the job is gone. Neither is
 * given up for a model that is still to come, whether anything runs or not: who goes back to the former one finds it.
 */
function modelOf({ service, obstacle, target, artefact }: Situation): Pick<ModelServiceStatus, 'model' | 'artefact'> {
  const { model, artefact: kept } = service.status ?? {};
  const isFormer = obstacle !== undefined && (target !== undefined || artefact === undefined);
  if (isFormer && model !== undefined && kept !== undefined) return { model, artefact: kept };
  const text = referenceText(referenceOf(service.spec));
  // Also while it waits for a node: the job may be cleaned up long before one comes.
  return artefact === undefined ? { model: text } : { model: text, artefact };
}

/** The whole status. */
export function statusOf(seen: Situation, now: Date): Stated<ModelServiceStatus> {
  const { service, target, verified, current, others } = seen;
  const { generation } = service.metadata;
  const verifiedRevision = verified ? target?.revision : service.status?.verifiedRevision;
  const refusal = refusalOf(seen);
  const selector = Object.entries(selectorOf(service)).map(([name, value]) => `${name}=${value}`);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: phaseOf(seen),
    ...modelOf(seen),
    replicas: current.length + others.length,
    readyReplicas: readyCount(seen),
    selector: selector.join(','),
    url: seen.url,
    ...(target === undefined ? {} : { revision: target.revision, profile: target.profile }),
    ...(verifiedRevision === undefined ? {} : { verifiedRevision }),
    ...(refusal === undefined ? {} : { refusal }),
    conditions: conditionsOf(seen, now),
  };
}

/**
 * What is news since the status that was stored last; `before`: replicas that the Deployment asked for so far, undefined where
 * it is not written now.
 */
export const notesOf = (seen: Situation, before: number | undefined): readonly Note[] => [
  ...faultNotes(seen),
  ...verifiedNotes(seen),
  ...scaledNotes(seen, before),
];

function faultNotes({ service, obstacle, trouble }: Situation): readonly Note[] {
  const isNews = (type: ConditionType, reason: Reason): boolean =>
    service.status?.conditions?.find((condition) => condition.type === type)?.reason !== reason;
  const notes: Note[] = [];
  if (obstacle !== undefined && isNews('Accepted', obstacle.reason))
    notes.push({ kind: obstacle.kind === 'refused' ? 'Warning' : 'Normal', ...worded(obstacle) });
  // An obstacle takes the place of the trouble in the conditions: whether that was told already cannot be known.
  if (obstacle === undefined && trouble !== undefined && isNews('Progressing', trouble.reason))
    notes.push({ kind: 'Warning', ...worded(trouble) });
  return notes;
}

function verifiedNotes({ service, verified, target }: Situation): readonly Note[] {
  if (!verified || target === undefined || service.status?.verifiedRevision === target.revision) return [];
  return [{ kind: 'Normal', reason: 'Verified', message: `revision ${target.revision} answered a real inference` }];
}

function scaledNotes({ replicas, why }: Situation, before: number | undefined): readonly Note[] {
  if (before === undefined || before === replicas) return [];
  const because = why === undefined || why === '' ? '' : `: ${why}`;
  const message = `from ${String(before)} to ${String(replicas)}${because}`;
  // The Deployment is written first, and shows the new number in the next look.
  return [{ kind: 'Normal', reason: 'Scaled', message, isPassing: true }];
}

const worded = ({ reason, message }: { reason: Reason; message: string }): Pick<Note, 'reason' | 'message'> => ({
  reason,
  message,
});
