import { expect, test } from '@jest/globals';
import { Watched, type ServiceScale } from '../../../operator/autoscaler/watched.ts';

const key = { namespace: 'default', name: 'digits' };
const scale: ServiceScale = {
  ...{ key, uid: 'u1', minReplicas: 0, maxReplicas: 10, targetInFlight: 4, idleSeconds: 60, maxColdStartSeconds: 120 },
  ...{ pinned: undefined, currentReplicas: 6, readyReplicas: 6, verified: true },
};
const asked = (inFlight: number) => ({ inFlight, waiting: 0 });

/** Six replicas' load for a minute, then ten replicas'. */
function risen(): Watched {
  const watched = new Watched(key, 'u1', 0);
  watched.hear(asked(22), true, 0);
  watched.hear(asked(40), true, 60_000);
  const { replicas } = watched.decide(scale, 66_000);
  watched.recommend(replicas);
  expect(replicas).toBe(10);
  return watched;
}

test('a gateway that is not heard for seconds has not lost its load: nothing shrinks for that', () => {
  const watched = risen();
  watched.hear(asked(4), false, 68_000);
  watched.hear(asked(40), true, 71_000);
  expect(watched.decide(scale, 71_500).replicas).toBe(10);
});

test('what is heard while a gateway is not counts as load', () => {
  const watched = new Watched(key, 'u1', 0);
  watched.hear(asked(22), true, 0);
  watched.hear(asked(36), false, 60_000);
  expect(watched.decide(scale, 61_000).replicas).toBe(9);
});
