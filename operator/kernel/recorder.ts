/**
 * Events on objects: what a person should notice, said once an hour per object, reason and message, and not too often. An API
 * server forgets events after an hour, unless told otherwise: what comes again later is to be said again.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { ApiError, type ApiErrorCode, type Cluster, type Note } from './cluster.ts';
import { NotLeading } from './fence.ts';
import { microTime, type KubeObject, type Resource } from './objects.ts';
import { saying } from './said.ts';

export const eventsResource: Resource = {
  apiVersion: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

export interface RecorderOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** Names the controller in every event, for example `limbeck.dev/operator`. */
  readonly controller: string;
  /** Names this process. */
  readonly instance: string;
  readonly wrote: (result: 'written' | 'unchanged' | 'failed') => void;
}

const rememberedNotes = 4096;
/** A burst of 20 per object, then one every ten seconds. */
const burst = 20;
const refillMs = 10_000;
/** The API server takes 1,024 bytes. */
const longestNoteBytes = 1000;

const usualRetryMs = 1000;
/** A status may be waiting for it. */
const longestRetryMs = 30_000;

/** Of the pass that has something to say. */
export interface Saying {
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface Allowance {
  readonly tokens: number;
  readonly atMs: number;
}

export class Recorder {
  readonly #options: RecorderOptions;
  /** Oldest first; forgotten when there are too many. */
  readonly #said = new Set<string>();
  readonly #allowances = new Map<string, Allowance>();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** It was not said by this process, as far as it remembers. */
  isNews(about: KubeObject, note: Note): boolean {
    return !this.#said.has(this.#nameOf(about, note));
  }

  /**
   * Says it unless it was said before. An unsaid event must not fail a pass: throws NotLeading alone, as the pass is over. 0: it
   * was said, or never will be; otherwise it was not taken for now, and is worth another try after so many milliseconds.
   */
  async note(about: KubeObject, note: Note, { log, signal }: Saying): Promise<number> {
    const name = this.#nameOf(about, note);
    if (this.#said.has(name) || !this.#allowed(about)) {
      this.#options.wrote('unchanged');
      return 0;
    }
    this.#remember(name);
    try {
      const event = eventOf(about, note, { ...this.#options, name });
      await saying(this.#options.cluster, log).create(eventsResource, event, signal);
      this.#options.wrote('written');
      return 0;
    } catch (error) {
      return this.#excuse(error, name, log);
    }
  }

  /** The name is a hash of what is said: a conflict means that it was said before this process began, or at the first try. */
  #excuse(error: unknown, name: string, log: Log): number {
    if (error instanceof ApiError && error.code === 'conflict') {
      this.#options.wrote('unchanged');
      return 0;
    }
    this.#said.delete(name);
    if (error instanceof NotLeading) throw error;
    this.#options.wrote('failed');
    log.warn('event not recorded', { event: name, error: sentenceOf(error) });
    return retryMsOf(error);
  }

  #nameOf(about: KubeObject, note: Note): string {
    return nameOf(about, note, this.#options.clock.now());
  }

  #remember(name: string): void {
    this.#said.add(name);
    const [oldest] = this.#said;
    if (this.#said.size > rememberedNotes && oldest !== undefined) this.#said.delete(oldest);
  }

  #allowed(about: KubeObject): boolean {
    const uid = about.metadata.uid ?? about.metadata.name;
    const nowMs = this.#options.clock.monotonicMs();
    const before = this.#allowances.get(uid) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, before.tokens + (nowMs - before.atMs) / refillMs);
    this.#allowances.delete(uid);
    if (this.#allowances.size > rememberedNotes) this.#allowances.clear();
    this.#allowances.set(uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }
}

/** A right that is missing, a policy, a namespace that is on its way out or gone: tomorrow's answer is the same. */
const lasting: readonly ApiErrorCode[] = ['forbidden', 'notFound', 'gone', 'invalid'];

/** After how many milliseconds that is worth another try; 0: it never is. */
export function retryMsOf(error: unknown): number {
  if (!(error instanceof ApiError)) return usualRetryMs;
  return lasting.includes(error.code) ? 0 : Math.min(longestRetryMs, Math.max(usualRetryMs, error.retryAfterMs ?? 0));
}

/** Of so many bytes as UTF-8, in whole characters. */
const beginningOf = (text: string, bytes: number): string =>
  new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });

const hourMs = 3_600_000;

/** Whatever is said again in the same words within an hour of the day is the same event. */
function nameOf({ metadata: { name, uid } }: KubeObject, { reason, message }: Note, at: Date): string {
  const hour = String(Math.floor(at.getTime() / hourMs));
  const said = createHash('sha256')
    .update(`${uid ?? name}\n${reason}\n${message}\n${hour}`)
    .digest('hex')
    .slice(0, 16);
  return `${name.slice(0, 200)}.${said}`;
}

type Naming = RecorderOptions & { readonly name: string };

function eventOf(about: KubeObject, note: Note, { controller, instance, clock, name: eventName }: Naming): KubeObject {
  const { name, namespace = 'default', uid } = about.metadata;
  const involvedObject = { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid };
  const at = clock.now();
  const secondsOnly = at.toISOString().replace(/\.\d+Z$/, 'Z');
  const event = {
    apiVersion: eventsResource.apiVersion,
    kind: eventsResource.kind,
    metadata: { name: eventName, namespace },
    involvedObject,
    type: note.kind,
    reason: note.reason,
    message: beginningOf(note.message, longestNoteBytes),
    source: { component: controller },
    reportingComponent: controller,
    reportingInstance: instance.slice(0, 128),
    action: 'Reconcile',
    eventTime: microTime(at),
    firstTimestamp: secondsOnly,
    lastTimestamp: secondsOnly,
    count: 1,
  };
  return event;
}
