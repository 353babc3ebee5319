/** What a process hears that stands by: all at first, and then, of one kind or of all, nothing more until some time after it leads. */
import type { Meddling } from './interference.ts';
import type { Fault } from './plan.ts';
import type { Trace } from './trace.ts';

export type Takeover = Extract<Fault, { kind: 'takeover' }>;

/** Of so many of its last writes the leader has been told, and the one who stands by has not. */
const writesBehind = 3;

export class Lag implements Meddling {
  readonly #takeover: Takeover;
  readonly #trace: Trace;
  readonly #over = Promise.withResolvers<undefined>();
  #held = 0;

  constructor(takeover: Takeover, trace: Trace) {
    this.#takeover = takeover;
    this.#trace = trace;
  }

  /** What was held back is heard, in order. False where nothing was. */
  end(): boolean {
    this.#over.resolve(undefined);
    return this.#held > 0;
  }

  write(): { readonly kind: 'pass' } {
    return { kind: 'pass' };
  }

  read(): { readonly waitMs: number } {
    return { waitMs: 0 };
  }

  watchLastsMs(): undefined {
    return undefined;
  }

  hasLasted(): undefined {
    return undefined;
  }

  async frame(resource: string): Promise<'pass'> {
    const { write, lagging } = this.#takeover;
    const isOfIt = lagging === 'everything' || lagging === resource;
    if (!isOfIt || this.#trace.writes <= write - writesBehind) return 'pass';
    this.#held += 1;
    await this.#over.promise;
    return 'pass';
  }
}
