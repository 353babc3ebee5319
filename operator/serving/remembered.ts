/**
 * What the status still knows of a replica that nobody has asked since this operator began: without it, every restart of
 * the operator would take a known fault for a first start, and tell it again two seconds later. Pure.
 */
import type { Pod } from '../api/kubernetes.ts';
import type { ModelService } from '../api/resources.ts';
import type { LoadFailure } from './trouble.ts';

/** What a former revision does meanwhile; said after the reason why the wanted one does not serve. */
export const meanwhileText = (count: number): string =>
  count === 0 ? '' : `; ${String(count)} ${count === 1 ? 'replica' : 'replicas'} of the former revision still answer`;

const meanwhile = /; \d+ replicas? of the former revision still answer$/;

/** What this pod's server said last, as `Progressing` tells it; undefined when it speaks of something else. */
export function rememberedFailure({ status }: ModelService, pod: Pod): LoadFailure | undefined {
  const { reason, message = '' } = status?.conditions?.find(({ type }) => type === 'Progressing') ?? {};
  const start = `pod ${pod.metadata.name}: `;
  if (!message.startsWith(start)) return undefined;
  const words = message.slice(start.length).replace(meanwhile, '');
  if (reason === 'ArtefactMissing') return { reason, message: words };
  const said = reason === 'LoadFailed' ? /^([A-Za-z]+): ([^]*)$/.exec(words) : null;
  return said === null ? undefined : { reason: said[1] ?? '', message: said[2] ?? '' };
}
