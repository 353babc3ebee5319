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

/** Writes until nothing is left. Throws what a run failed of. */
async function finish(scheduler: Scheduler): Promise<void> {
  while (scheduler.busy) {
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

async function trialMs(scheduler: Scheduler, { slots, geometry }: DecodingOptions, now: () => number): Promise<number> {
  const room = Math.max(1, geometry.contextLength - trial.tokens);
  const prompt = new Array<number>(Math.min(trial.promptTokens, room)).fill(0);
  const began = now();
  for (let id = 0; id < Math.min(slots, trial.answers); id += 1) {
    scheduler.add({ id, prompt, maxTokens: trial.tokens, sampling: greedy, ignoreEnd: true });
  }
  await finish(scheduler);
  return now() - began;
}

/** What came of opening it on one provider, and how long a trial took where there is something to compare it with. */
type Candidate =
  | { readonly ok: true; readonly opened: Opened; readonly tookMs: number }
  | { readonly ok: false; readonly error: unknown };

async function openOn(providers: readonly Provider[], options: DecodingOptions, { open, now }: Means): Promise<Opened> {
  const session = await open({ ...options, providers });
  const scheduler = new Scheduler(session, options, now);
  await warmUp(scheduler);
  return { session, scheduler };
}

async function tried(provider: Provider, options: DecodingOptions, means: Means): Promise<Candidate> {
  try {
    const opened = await openOn([provider], options, means);
    return { ok: true, opened, tookMs: await trialMs(opened.scheduler, options, means.now) };
  } catch (error) {
    return { ok: false, error };
  }
}

/** Opens a model on the provider that is asked for; of two, on the faster one that takes it. Throws when none does. */
export async function openFastest(options: DecodingOptions, means: Means): Promise<Opened> {
  const [provider, other] = options.providers;
  if (provider === undefined || other === undefined) return openOn(options.providers, options, means);
  const first = await tried(provider, options, means);
  const second = await tried(other, options, means);
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
