/** What pods say → what we remember of it. A pod's words are a stranger's: anything but the contract is no news. Pure. */

/** The newest checkpoint of a run. */
export interface Checkpoint {
  readonly step: number;
  readonly uri: string;
  readonly sha256: string;
}

/** How far a trainer is. */
export interface TrainerNews {
  readonly kind: 'trainer';
  /** Share of the steps that are done, such as `43%`. */
  readonly progress: string;
  readonly checkpoint?: Checkpoint;
}

/** Why a server that is up does not get ready. */
export interface ServerNews {
  readonly kind: 'server';
  readonly reason: string;
  readonly message: string;
}

type Members = Readonly<Record<string, unknown>>;

/** GET /progress of rank 0, as crds/contracts/trainer-progress.schema.json has it. */
export function parseProgress(body: string): TrainerNews | undefined {
  const { percent, checkpoint } = membersOf(parsed(body));
  if (typeof percent !== 'number' || !Number.isInteger(percent) || percent < 0 || percent > 100) return undefined;
  const saved = checkpointOf(membersOf(checkpoint));
  return { kind: 'trainer', progress: `${String(percent)}%`, ...(saved === undefined ? {} : { checkpoint: saved }) };
}

function checkpointOf({ step, uri, sha256 }: Members): Checkpoint | undefined {
  // A step that is no 64-bit integer would be refused together with the whole status.
  if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < 0) return undefined;
  if (typeof uri !== 'string' || uri.length > 1024 || !uri.startsWith('s3://')) return undefined;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { step, uri, sha256 };
}

/** GET /v2/models/<m>/ready of a server; a model that is still being loaded is no news. */
export function parseReadiness(body: string): ServerNews | undefined {
  const { ready, reason, error } = membersOf(parsed(body));
  if (ready !== false || typeof reason !== 'string' || !/^[A-Za-z]{1,64}$/.test(reason)) return undefined;
  if (reason === 'Loading') return undefined;
  return { kind: 'server', reason, message: oneLine(typeof error === 'string' ? error : '') };
}

const oneLine = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are just what is to go
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500);

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
