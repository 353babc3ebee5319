/** What the schema cannot see: the model that a ModelService names, and a place that its replicas could run at. Pure. */
import type { ModelServiceSpec } from '../api/generated.ts';
import type { DistillationJob, ModelService, TrainingJob } from '../api/resources.ts';
import type { Node } from '../api/kubernetes.ts';
import type { Condition } from '../kernel/objects.ts';
import { chooseProfile, type ProfileChoice } from '../workloads/pod-parts.ts';
import type { Settings } from '../workloads/settings.ts';

/** Folder in the store, and the digest of its model.onnx. */
export interface Artefact {
  readonly uri: string;
  readonly sha256: string;
}

/** `spec.model`, parsed. */
export type ModelReference =
  | { readonly kind: 'trainingjob'; readonly name: string }
  | { readonly kind: 'distillationjob'; readonly name: string }
  | { readonly kind: 'artefact'; readonly artefact: Artefact };

/** Reads the one member of `spec.model`. */
export function referenceOf({ model }: ModelServiceSpec): ModelReference {
  if ('trainingJob' in model) return { kind: 'trainingjob', name: model.trainingJob.name };
  if ('distillationJob' in model) return { kind: 'distillationjob', name: model.distillationJob.name };
  return { kind: 'artefact', artefact: model.artefact };
}

/** The reference as people read it: `distillationjob/digits-student`, or the address of the artefact. */
export function referenceText(reference: ModelReference): string {
  if (reference.kind !== 'artefact') return `${reference.kind}/${reference.name}`;
  // The field holds 256 characters; the whole address is in status.artefact.
  return reference.artefact.uri.slice(0, 256);
}

/** Why a spec cannot be deployed now. `waiting`: it goes on by itself; `refused`: somebody has to act. */
export interface Obstacle {
  readonly kind: 'waiting' | 'refused';
  readonly reason:
    'ModelNotFound' | 'ModelNotReady' | 'ModelFailed' | 'ModelTooLarge' | 'ProfileUnknown' | 'NoNodeFits';
  readonly message: string;
}

/** The artefact to serve, or what it lacks. */
export type ModelFound =
  { readonly ok: true; readonly artefact: Artefact } | { readonly ok: false; readonly obstacle: Obstacle };

/** Either kind of job that makes models. */
export type ModelJob = TrainingJob | DistillationJob;

/**
 * The model of a service. What was once taken from a job of this name is kept while the job is away, runs again or has
 * failed: a job that is cleaned up, or repeated, takes nothing from the service.
 */
export function findModel(service: ModelService, job: ModelJob | undefined): ModelFound {
  const reference = referenceOf(service.spec);
  if (reference.kind === 'artefact') return { ok: true, artefact: reference.artefact };
  const artefact = job?.status?.phase === 'Succeeded' ? job.status.artefact : undefined;
  if (artefact !== undefined) return { ok: true, artefact: { uri: artefact.uri, sha256: artefact.sha256 } };
  const { model, artefact: kept } = service.status ?? {};
  if (kept !== undefined && model === referenceText(reference)) return { ok: true, artefact: kept };
  return { ok: false, obstacle: obstacleOf(referenceText(reference), job) };
}

function obstacleOf(text: string, job: ModelJob | undefined): Obstacle {
  if (job === undefined)
    return { kind: 'waiting', reason: 'ModelNotFound', message: `${text} does not exist in this namespace yet` };
  const phase = job.status?.phase;
  if (phase !== 'Failed' && phase !== 'Refused')
    return { kind: 'waiting', reason: 'ModelNotReady', message: `${text} has not succeeded yet (${phase ?? 'new'})` };
  const type = phase === 'Failed' ? 'Succeeded' : 'Accepted';
  const why = job.status?.conditions?.find((condition: Condition) => condition.type === type)?.message;
  const because = why === undefined ? '' : `: ${why}`;
  const remedy = 'name another model, or delete that job and make it again';
  return { kind: 'refused', reason: 'ModelFailed', message: `${text} failed${because}; ${remedy}` };
}

/** Bytes of the artefact's file, where the job that made it is there to say so; else 0. */
export function bytesOf({ sha256 }: Artefact, job: ModelJob | undefined): number {
  const made = job?.status?.artefact;
  return made?.sha256 === sha256 ? made.sizeBytes : 0;
}

/**
 * The profile of a new revision, of which `bytes` is the model's file: those with too little memory in a GPU are passed
 * over. A node may come, so no fitting node is waited for; an unknown name and a model that fits nowhere are mistakes.
 */
export function findProfile(
  { spec }: ModelService,
  settings: Settings,
  nodes: readonly Node[],
  bytes: number,
): Extract<ProfileChoice, { ok: true }> | { readonly ok: false; readonly obstacle: Obstacle } {
  const named = spec.placement.gpuProfiles;
  const isTooSmall = (name: string): boolean => bytes > memoryOf(name, settings);
  const roomy = named.filter((name) => !isTooSmall(name));
  if (roomy.length === 0) return { ok: false, obstacle: tooLarge(named, settings, bytes) };
  const choice = chooseProfile(roomy, settings, nodes);
  if (choice.ok) return choice;
  const { reason, message } = choice;
  return { ok: false, obstacle: { kind: reason === 'NoNodeFits' ? 'waiting' : 'refused', reason, message } };
}

const gibibyte = 2 ** 30;

/** Bytes that one session has on a device of the profile, as far as the installation says. */
function memoryOf(name: string, { gpuProfiles }: Settings): number {
  const { memoryGiB = Infinity } = Object.hasOwn(gpuProfiles, name) ? (gpuProfiles[name] ?? {}) : {};
  return memoryGiB * gibibyte;
}

function tooLarge(named: readonly string[], settings: Settings, bytes: number): Obstacle {
  const gibibytes = (count: number): string => `${(count / gibibyte).toFixed(1)} GiB`;
  const rooms = named.map((name) => `${gibibytes(memoryOf(name, settings))} of ${name}`).join(', ');
  const message = `the model's file has ${gibibytes(bytes)}, more than the GPU memory of each profile named (${rooms}); name one with more, or serve a smaller model`;
  return { kind: 'refused', reason: 'ModelTooLarge', message };
}
