/** Decides what a plan does to each write, watch and frame. Holds the counters of one run; knows nothing of sockets. */
import { hasReached } from '../../operator/kernel/store.ts';
import type { CrashMoment, Credential, Fault, FaultPlan, Release, WatchFault, WriteAt } from './plan.ts';
import type { Exchange, Trace } from './trace.ts';

export type WriteVerdict =
  | { readonly kind: 'pass' }
  /** `release`: what follows is another one. */
  | { readonly kind: 'crash'; readonly moment: CrashMoment; readonly release?: Release }
  | { readonly kind: 'answer'; readonly status: number; readonly committed: boolean }
  | { readonly kind: 'user'; readonly deed: Deed }
  | { readonly kind: 'rotate'; readonly what: Credential; readonly lateMs: number };

/** What somebody else does once a write is stored. */
export type Deed = 'delete' | 'delete in the foreground' | 'recreate' | 'terminate';

export type FrameVerdict =
  'pass' | 'reset' | 'closed' | 'half' | 'silence' | 'gone' | 'told, then gone' | 'told, then dead';

/** What happens to a read: the state as of another version, a refusal, or just later. */
export interface ReadVerdict {
  readonly waitMs: number;
  readonly refuse?: 410 | 422 | 429;
  readonly exactVersion?: string;
}

const deletionOf = ({ recreate, cascade }: Extract<Fault, { kind: 'delete' }>): Deed =>
  recreate ? 'recreate' : cascade === undefined ? 'delete' : 'delete in the foreground';

/** What a proxy asks of whoever decides. */
export type Meddling = Pick<Interference, 'write' | 'read' | 'frame' | 'watchLastsMs' | 'hasLasted'>;

/** How often in a row a watch is refused when it is opened again. */
const tooMany = 3;
/** How often a fault that could go on for ever befalls one kind. */
const enough = 5;
/** Who was shown the past has taken or refused it by then, and has heard what he had missed. */
const judgingMs = 1000;

type ReleaseFault = Extract<Fault, { kind: 'release' }>;
type AnswerFault = Extract<Fault, { kind: 'answer' }>;
type Travel = Extract<Fault, { kind: 'time travel' | 'born in the past' }>;

/** What the next lists of a kind show. */
interface Past {
  readonly fault: Travel;
  readonly version: string;
  left: number;
}

export class Interference {
  readonly #faults: readonly Fault[];
  readonly #trace: Trace;
  readonly #fired = new Set<Fault>();
  readonly #times = new Map<string, number>();
  #firstAnswered: number | undefined;
  readonly #answered: Exchange[] = [];
  /** Per kind: until when its reads wait, and whether the next watch is told 410. */
  readonly #blind = new Map<string, { untilMs: number; gone: boolean }>();
  readonly #pasts = new Map<string, Past>();
  readonly #travelling = new Set<Fault>();
  readonly #versions = new Map<string, string>();
  /** Per kind: so many openings of a watch are still refused. */
  readonly #refusals = new Map<string, number>();

  constructor({ faults }: FaultPlan, trace: Trace) {
    this.#faults = faults;
    this.#trace = trace;
  }

  /** What came to pass of all that was planned. */
  get befell(): readonly Fault[] {
    return this.#faults.filter((fault) => this.#fired.has(fault));
  }

  write(exchange: Exchange): WriteVerdict {
    for (const fault of this.#faults) {
      const isOver = this.#fired.has(fault) && fault.kind !== 'answer';
      const verdict = isOver ? undefined : this.#writeVerdict(fault, exchange);
      if (verdict === undefined) continue;
      // A takeover comes to pass only where something lagged.
      if (fault.kind !== 'takeover') this.#fired.add(fault);
      return verdict;
    }
    return { kind: 'pass' };
  }

  #writeVerdict(fault: Fault, exchange: Exchange): WriteVerdict | undefined {
    const { write } = exchange;
    switch (fault.kind) {
      case 'crash':
        return isAt(exchange, fault.write) ? { kind: 'crash', moment: fault.moment } : undefined;
      case 'takeover':
        return write === fault.write ? { kind: 'crash', moment: 'after' } : undefined;
      case 'release':
        return write === fault.write ? { kind: 'crash', moment: 'after', release: fault.to } : undefined;
      case 'delete':
        return isAt(exchange, fault.write) ? { kind: 'user', deed: deletionOf(fault) } : undefined;
      case 'terminate':
        return isAt(exchange, fault.write) ? { kind: 'user', deed: 'terminate' } : undefined;
      case 'rotated':
        return write === fault.write ? { kind: 'rotate', what: fault.what, lateMs: fault.lateMs } : undefined;
      case 'answer':
        return this.#isAnswered(fault, exchange)
          ? { kind: 'answer', status: fault.status, committed: fault.committed }
          : undefined;
      default:
        return undefined;
    }
  }

  /** Counted from its first one on, which may be known by name alone. */
  #isAnswered(fault: AnswerFault, exchange: Exchange): boolean {
    if (this.#firstAnswered === undefined && isAt(exchange, fault.from)) this.#firstAnswered = exchange.write;
    const since = exchange.write - (this.#firstAnswered ?? Infinity);
    if (since < 0 || since % fault.every !== 0 || !this.#again('answer', fault.times)) return false;
    this.#answered.push(exchange);
    return true;
  }

  /** Writes that were answered in the place of the API server, whatever that made of them. */
  get answered(): readonly Exchange[] {
    return this.#answered;
  }

  /** The next release whose write has not come. */
  get releaseToCome(): ReleaseFault | undefined {
    return this.#faults.find((fault): fault is ReleaseFault => fault.kind === 'release' && !this.#fired.has(fault));
  }

  /** Somebody is still to be shown the past, or to judge it. */
  get isTravelling(): boolean {
    return this.#travelling.size > 0;
  }

  /** What was told, and what follows from it, came to pass. */
  fulfil(fault: Fault): void {
    this.#fired.add(fault);
    this.#travelling.delete(fault);
  }

  /** A list, the opening of a watch, or both in one. A look at a single object is never out of date. */
  read({ resource, isWatch, isList }: Exchange): ReadVerdict {
    if (!isWatch && !isList) return { waitMs: 0 };
    if (isWatch && isList && this.#pagesAlone()) return { waitMs: 0, refuse: 422 };
    const exactVersion = isList ? this.#pastOf(resource) : undefined;
    if (exactVersion !== undefined) return { waitMs: 0, exactVersion };
    const blind = this.#blind.get(resource);
    const waitMs = Math.max(0, (blind?.untilMs ?? 0) - performance.now());
    if (isWatch && this.#isThrottled(resource)) return { waitMs, refuse: 429 };
    if (isList || blind?.gone !== true) return { waitMs };
    blind.gone = false;
    return { waitMs, refuse: 410 };
  }

  /** A watch that was closed is refused a few times when it is opened again. */
  #isThrottled(resource: string): boolean {
    const left = this.#refusals.get(resource) ?? 0;
    if (left === 0) return false;
    this.#refusals.set(resource, left - 1);
    this.#come('throttled');
    return true;
  }

  /** The past is listed at once; the truth may have to wait. */
  #pastOf(resource: string): string | undefined {
    const past = this.#pasts.get(resource);
    if (past === undefined) return undefined;
    const { fault, version } = past;
    past.left -= 1;
    if (past.left > 0) return version;
    this.#pasts.delete(resource);
    const forMs = fault.kind === 'time travel' ? 0 : fault.forMs;
    this.#blind.set(resource, { untilMs: performance.now() + forMs, gone: false });
    setTimeout(() => this.fulfil(fault), forMs + judgingMs).unref();
    return version;
  }

  #pagesAlone(): boolean {
    const fault = this.#faults.find(({ kind }) => kind === 'pages');
    if (fault !== undefined) this.#fired.add(fault);
    return fault !== undefined;
  }

  /** Milliseconds after which a watch is closed in good order; undefined: never. */
  watchLastsMs(): number | undefined {
    return this.#faults.some((fault) => fault.kind === 'watch' && fault.how === 'short') ? 1000 : undefined;
  }

  /** A watch was closed because its time was over. */
  hasLasted(): void {
    this.#come('short');
  }

  /** May take its time: a held frame is a stale cache. */
  async frame(resource: string, version: string): Promise<FrameVerdict> {
    const position = this.#trace.frame(resource);
    for (const fault of this.#faults) {
      const verdict = await this.#frameVerdict(fault, resource, position, version);
      if (verdict !== 'pass') return verdict;
    }
    return 'pass';
  }

  async #frameVerdict(fault: Fault, resource: string, position: number, version: string): Promise<FrameVerdict> {
    if (fault.kind === 'watch') return this.#befalls(fault, resource, position);
    if (!('resource' in fault) || fault.resource !== resource) return 'pass';
    if (fault.kind === 'time travel' || fault.kind === 'born in the past')
      return this.#travel(fault, position, version);
    if (position !== fault.frame) return 'pass';
    this.#fired.add(fault);
    if (fault.kind === 'stale') {
      await new Promise((resolve) => setTimeout(resolve, fault.forMs));
      return 'pass';
    }
    this.#blind.set(resource, { untilMs: performance.now() + fault.forMs, gone: true });
    return 'reset';
  }

  #travel(fault: Travel, position: number, version: string): FrameVerdict {
    const { resource, before, to } = fault;
    // Versions are those of etcd, which knows the state at each number.
    if (position === before) this.#versions.set(resource, String(BigInt(version) - 1n));
    const past = this.#versions.get(resource);
    // What a list begins with comes in no order of time.
    if (position !== to || past === undefined || hasReached(past, version)) return 'pass';
    const left = fault.kind === 'time travel' ? fault.lists : 1;
    this.#pasts.set(resource, { fault, version: past, left });
    this.#travelling.add(fault);
    return fault.kind === 'time travel' ? 'told, then gone' : 'told, then dead';
  }

  #befalls(fault: Extract<Fault, { kind: 'watch' }>, resource: string, position: number): FrameVerdict {
    const verdict = frameFaults[fault.how];
    if (verdict === undefined || position % 2 !== 0) return 'pass';
    if (!this.#again(`${fault.how} ${resource}`, enough)) return 'pass';
    if (fault.how === 'throttled') this.#refusals.set(resource, tooMany);
    else this.#fired.add(fault);
    return verdict;
  }

  /** What befalls the opening of watches, or their end, came to pass. */
  #come(how: WatchFault): void {
    for (const fault of this.#faults) if (fault.kind === 'watch' && fault.how === how) this.#fired.add(fault);
  }

  #again(what: string, most: number): boolean {
    const times = (this.#times.get(what) ?? 0) + 1;
    this.#times.set(what, times);
    return times <= most;
  }
}

const isAt = ({ write, method, resource, nth }: Exchange, at: WriteAt): boolean =>
  typeof at === 'number' ? write === at : method === at.verb && resource === at.resource && nth === at.nth;

/** At every other frame; one is about how long a watch lasts. */
const frameFaults: Readonly<Record<WatchFault, FrameVerdict | undefined>> = {
  reset: 'reset',
  'half frame': 'half',
  'black hole': 'silence',
  gone: 'gone',
  throttled: 'closed',
  short: undefined,
};
