/** Looks at what has come to rest: whatever is written then is written for nothing, by one who has just begun, too. */
import { pause, until } from './until.ts';
import type { Instance } from './instance.ts';

/** Of an operator, what shows when it looks and writes. */
export type Watched = Pick<Instance, 'lines' | 'writes'> & { readonly manager: Pick<Instance['manager'], 'leading'> };

export interface Resting {
  readonly instance: Watched;
  /** What it had written before it all came to rest. */
  readonly before: number;
  /** Another one has taken its place meanwhile: nothing more is to be learnt of it. */
  readonly isReplaced: () => boolean;
  /** Wakes the reconciler as a resync does. */
  readonly poke: () => void;
  /**
   * How things stand. Given how they stood: the same, unless others have changed something since that may have been
   * answered. What we write ourselves, and what others make of that, is none of it.
   */
  readonly news: (known?: string) => string;
  /** Waits until it is at rest again. */
  readonly rest: () => Promise<unknown>;
}

const looks = 3;
/** How long what others write may take to be heard of. */
const hearingMs = 500;
/** How often a disturbed look may be begun again. */
const turns = 5;

/** How often three looks in a row wrote. A late controller is answered, and rightly so: then they are begun again. */
export async function writesAtRest(resting: Resting): Promise<number> {
  const { instance, isReplaced, news, rest } = resting;
  let { before } = resting;
  await untilAtWork(resting);
  for (let turn = 1; ; turn += 1) {
    const known = news();
    for (let look = 0; look < looks; look += 1) await lookOnce(resting);
    const written = instance.writes() - before;
    if (written === 0 || isReplaced()) return 0;
    await pause(hearingMs);
    if (turn === turns || news(known) === known) return written;
    await rest();
    before = instance.writes();
  }
}

/** Until then nobody hears a wake, and where the object is gone, nothing else leads to a pass. */
async function untilAtWork({ instance, isReplaced }: Resting): Promise<void> {
  let isAtWork = false;
  void instance.manager.leading.then(() => (isAtWork = true));
  await until('an operator at work', () => Promise.resolve(isAtWork || isReplaced()), { everyMs: 50 });
}

/** From a wake to the end of a pass that looked at the present. */
async function lookOnce({ instance, isReplaced, poke }: Resting): Promise<void> {
  const before = passesOf(instance);
  poke();
  await until('a pass', () => Promise.resolve(passesOf(instance) > before || isReplaced()), { everyMs: 50 });
}

const passesOf = ({ lines }: Watched): number => lines.filter(isPass).length;
const isPass = (line: string): boolean => line.startsWith('pass over ') && !line.includes('"outcome":"stale"');
