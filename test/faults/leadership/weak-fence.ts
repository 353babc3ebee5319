/**
 * Loaded into a candidate before its own code: takes checks out of its fence, those that FENCE names. What the oracle
 * is worth is seen by what it finds then.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

export type WeakFence = 'none' | 'asked once';

const askedBefore = ['if (budgetMs() <= 0) throw new NotLeading();', ''] as const;
const askedAtSending = ['cluster.within?.(budgetMs) ?? cluster', 'cluster'] as const;
const takenOut: Readonly<Record<WeakFence, readonly (readonly [check: string, instead: string])[]>> = {
  none: [askedBefore, askedAtSending],
  'asked once': [askedAtSending],
};

function weakened(source: string, fence: WeakFence): string {
  return takenOut[fence].reduce((text, [check, instead]) => {
    if (!text.includes(check)) throw new Error(`the fence has no such check any more: ${check}`);
    return text.replace(check, instead);
  }, source);
}

registerHooks({
  load: (url, context, next) => {
    const module = next(url, context);
    if (!url.endsWith('/operator/kernel/fence.ts')) return module;
    const source = readFileSync(new URL(url), 'utf8');
    return { ...module, source: weakened(source, process.env['FENCE'] as WeakFence) };
  },
});
