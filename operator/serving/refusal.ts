/**
 * When requests are refused at once instead of being held: when no replica would come by itself, however long they
 * waited. The gateways read it from the status, and hold again as soon as it is gone. Pure.
 *
 * | situation                                                      | requests are                      |
 * |----------------------------------------------------------------|-----------------------------------|
 * | a replica answers, of whatever revision                        | answered                          |
 * | nobody can deploy the spec, and no former revision would come  | refused                           |
 * | the model, a node, room, an image, a Secret is still to come   | held                              |
 * | every replica has trouble, one of them such that nothing mends | refused, with Retry-After: it is  |
 * | itself, and no former revision that ever answered is there     | looked at again all the same      |
 * | a replica is on its way                                        | held                              |
 */
import type { ModelServiceStatus } from '../api/generated.ts';
import { labels } from '../api/names.ts';
import { isReady } from './trouble.ts';
import type { Situation } from './status.ts';

export type Refusal = NonNullable<ModelServiceStatus['refusal']>;

/** The server looks at a bad artefact again each minute, and the kubelet starts a bad server again each five. */
const retryAfterSeconds = 60;

const longestMessage = 4096;

/** Why requests are refused at once; undefined while they are held or answered. */
export function refusalOf(seen: Situation): Refusal | undefined {
  const { obstacle, target, trouble, current, others } = seen;
  if ([...current, ...others].some(isReady)) return undefined;
  if (obstacle !== undefined) {
    const formerIsHopeless = target === undefined || (trouble?.remedy !== undefined && !seen.verified);
    const isFinal = obstacle.kind === 'refused' && formerIsHopeless;
    return isFinal ? { reason: obstacle.reason, message: clipped(obstacle.message) } : undefined;
  }
  if (trouble?.remedy === undefined || mayComeBack(seen)) return undefined;
  const { reason, message, remedy } = trouble;
  // What is not ours has its remedy in the conditions, too.
  const told = message.endsWith(remedy) ? message : `${message}; ${remedy}`;
  return { reason, message: clipped(told), retryAfterSeconds };
}

/** A replica of a revision that once answered gets ready again. */
const mayComeBack = ({ service, others }: Situation): boolean =>
  others.some(({ metadata }) => metadata.labels?.[labels.revision] === service.status?.verifiedRevision);

const clipped = (text: string): string => text.slice(0, longestMessage).toWellFormed();
