/** A point from which a later attempt can go on, in the words of a pod: a stranger's, of which the status takes what fits. Pure. */

/** The newest checkpoint of a run. */
export interface Checkpoint {
  readonly step: number;
  readonly uri: string;
  readonly sha256: string;
  readonly savedAt?: string;
}

/** Whole, apart from its time, or not at all: what the API server refuses would be refused together with the whole status. */
export function checkpointOf(told: Readonly<Record<string, unknown>>): Checkpoint | undefined {
  const { step, uri, sha256, savedAt } = told;
  // A step that is no 64-bit integer is none.
  if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < 0) return undefined;
  const lies = addressOf(uri);
  if (lies === undefined || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { step, uri: lies, sha256, ...(isTime(savedAt) ? { savedAt } : {}) };
}

/** A place in the store. */
export const addressOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 1024 && value.startsWith('s3://') ? value : undefined;

/**
 * JavaScript is more generous than the API server: midnight at the end of a day, and the 30th of February, are others as it
 * writes them.
 */
function isTime(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}(-\d\d){2}T(\d\d:){2}\d\dZ$/.test(value)) return false;
  const read = new Date(value);
  return !Number.isNaN(read.getTime()) && read.toISOString() === value.replace('Z', '.000Z');
}
