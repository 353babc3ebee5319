/** What others have changed, as the operator has heard of it: who is told something new may write, and rightly so. */
import { kinds } from './end-state.ts';
import type { Exchange, Frame, Trace } from './trace.ts';

type Told = Pick<Frame, 'instance' | 'resource' | 'version'>;

const plurals = new Set(kinds.map(({ plural }) => plural));

/**
 * Where the story stands. Where it is known how it stood: the same, unless somebody was told something for the first time
 * since that is not our own write, and before our first write. What comes later may come of that write.
 */
export function newsTold({ story }: Pick<Trace, 'story'>, known?: string): string {
  const now = String(story.length);
  if (known === undefined) return now;
  const [before, since] = [story.slice(0, Number(known)), story.slice(Number(known))];
  const first = since.findIndex(isWrite);
  const old = new Set(before.flatMap(toldBy).map(textOf));
  const ours = new Set(story.flatMap((one) => (isFrame(one) || one.version === '' ? [] : [one.version])));
  const isNews = (told: Told): boolean => !old.has(textOf(told)) && !ours.has(told.version);
  return (first < 0 ? since : since.slice(0, first)).flatMap(toldBy).some(isNews) ? now : known;
}

const isFrame = (one: Exchange | Frame): one is Frame => 'verdict' in one;
const isWrite = (one: Exchange | Frame): boolean => !isFrame(one) && one.write > 0;
/** A frame about an object that was handed over. */
const isTold = ({ type, verdict }: Frame): boolean =>
  type !== 'BOOKMARK' && type !== 'ERROR' && (verdict === 'pass' || verdict.startsWith('told'));
/** Who takes over may be told late what the one before has heard. */
const textOf = ({ instance, resource, version }: Told): string => `${String(instance)} ${resource}@${version}`;

/** A frame of a kind that a state is made of, or a list of it in pages. */
function toldBy(one: Exchange | Frame): readonly Told[] {
  if (!plurals.has(one.resource)) return [];
  if (isFrame(one)) return isTold(one) ? [one] : [];
  if (!one.isList || one.isWatch || one.status !== 200) return [];
  const { items } = JSON.parse(one.answer) as { readonly items: readonly { metadata: { resourceVersion: string } }[] };
  const { instance, resource } = one;
  return items.map(({ metadata }) => ({ instance, resource, version: metadata.resourceVersion }));
}
