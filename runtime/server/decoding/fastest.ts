/**
 * Opens a language model on whichever of its providers writes faster. Keys and values live in the process and go to a GPU with
 * every step: what it gains by that, and whether, depends on model and machine, so it is measured rather than guessed.
 */
import { sentenceOf } from '../../../process/logger.ts';
import type { createSession, Session } from '../onnx.ts';
import type { Provider } from '../providers.ts';
import type { Loaded } from '../worker-protocol.ts';
import type { DecodingOptions } from './messages.ts';
import { greedy } from './sampling.ts';
import { Scheduler } from './scheduler.ts';

/** A session that was warmed up, and what writes with it. */
export interface Opened {
  readonly session: Session;
  readonly scheduler: Scheduler;
  readonly passedOver?: string;
}

/** What of the outside world it needs. */
export interface Means {
  readonly open: typeof createSession;
  /** Milliseconds, never back. */
  readonly now: () => number;
}

/** What is written to compare two providers: answers at once, each of so many tokens after a prompt of so many. */
const trial = { answers: 8, promptTokens: 64, tokens: 8 } as const;

/** The first trial prepares for the shapes of the second, which is the one that counts. */
const trials = 2;

/** Writes until nothing is left, or it is enough. Throws what a run failed of. */
async function finish(scheduler: Scheduler, isEnough: () => boolean = () => false): Promise<void> {
  while (scheduler.busy && !isEnough()) {
    const { ended } = await scheduler.step();
    for (const { end } of ended) if (end.kind === 'failed') throw new Error(end.message);
  }
}

/** A prompt on an empty cache, one that goes on from it, and a step: every way through the graph before the first caller. */
async function warmUp(scheduler: Scheduler): Promise<void> {
  for (const prompt of [[0], [0, 0]]) {
    scheduler.add({ id: 0, prompt, maxTokens: 2, sampling: greedy, ignoreEnd: true });
    await finish(scheduler);
  }
}

/** Milliseconds of a trial, or of what was seen of it when one alone took longer than `mostMs`. */
async function trialMs(
  scheduler: Scheduler,
  { slots, geometry }: DecodingOptions,
  { now, mostMs }: { readonly now: () => number; readonly mostMs: number },
): Promise<number> {
  const rest = Math.max(1, Math.min(trial.promptTokens, geometry.contextLength - trial.tokens)) - 1;
  let tookMs = 0;
  for (let done = 0; done < trials && tookMs <= mostMs; done += 1) {
    const began = now();
    for (let id = 0; id < Math.min(slots, trial.answers); id += 1) {
      // No two begin alike, or they would not be read.
      const first = (done * trial.answers + id + 1) % geometry.vocabulary;
      const prompt = [first, ...new Array<number>(rest).fill(0)];
      scheduler.add({ id, prompt, maxTokens: trial.tokens, sampling: greedy, ignoreEnd: true });
    }
    await finish(scheduler, () => now() - began > mostMs);
    tookMs = now() - began;
  }
  return tookMs;
}

/** What came of opening it on one provider, and how long a trial took where there is something to compare it with. */
type Candidate =
  | { readonly ok: true; readonly opened: Opened; readonly tookMs: number }
  | { readonly ok: false; readonly error: unknown };

/** Opens, warms up, and does what else is to be done; releases the session when that fails. */
async function openOn<R>(
  providers: readonly Provider[],
  [options, { open, now }]: readonly [DecodingOptions, Means],
  then: (opened: Opened) => Promise<R>,
): Promise<R> {
  const session = await open({ ...options, providers, writesTokens: true });
  try {
    const scheduler = new Scheduler(session, options, now);
    await warmUp(scheduler);
    return await then({ session, scheduler });
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Tries a provider, for as long as it may still be the faster one. */
async function tried(
  provider: Provider,
  [options, means]: readonly [DecodingOptions, Means],
  mostMs: number,
): Promise<Candidate> {
  try {
    return await openOn([provider], [options, means], async (opened) => {
      const tookMs = await trialMs(opened.scheduler, options, { now: means.now, mostMs });
      return { ok: true, opened, tookMs };
    });
  } catch (error) {
    return { ok: false, error };
  }
}

/** Opens a model on the provider that is asked for; of two, on the faster one that takes it. Throws when none does. */
export async function openFastest(options: DecodingOptions, means: Means): Promise<Opened> {
  const [provider, other] = options.providers;
  if (provider === undefined || other === undefined) {
    return openOn(options.providers, [options, means], (opened) => Promise.resolve(opened));
  }
  const first = await tried(provider, [options, means], Infinity);
  const second = await tried(other, [options, means], first.ok ? first.tookMs : Infinity);
  if (!second.ok) {
    // Where the file is no model, this says so.
    if (!first.ok) throw second.error;
    return first.opened;
  }
  if (!first.ok) return { ...second.opened, passedOver: `${provider}: ${sentenceOf(first.error)}` };
  const [kept, left] = first.tookMs <= second.tookMs ? [first, second] : [second, first];
  await left.opened.session.release();
  if (kept === first) return first.opened;
  const times = `a trial took it ${first.tookMs.toFixed(0)} ms, ${other} ${second.tookMs.toFixed(0)}`;
  return { ...second.opened, passedOver: `${provider}: ${times}` };
}

/** What the main thread is told of it. */
export function loadedOf({ session, passedOver }: Opened): Pick<Loaded, 'provider' | 'passedOver'> {
  return { provider: session.loaded.provider, ...(passedOver !== undefined && { passedOver }) };
}
