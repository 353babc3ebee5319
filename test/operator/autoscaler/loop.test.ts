import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import {
  startAutoscaler,
  type Autoscaler,
  type GatewayAddress,
  type ServiceScale,
} from '../../../operator/autoscaler/loop.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { quiet } from '../../support/quiet-log.ts';

const key = { namespace: 'default', name: 'digits' };
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A gateway's admin port that says what the test tells it to say. */
async function speaker() {
  const listeners = new Set<ServerResponse>();
  let snapshot = '{"services":{}}\n';
  const server = createServer((_request, response) => {
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
    response.write(snapshot);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  stops.push(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address: { name: url, url } satisfies GatewayAddress,
    listeners,
    hangUp: () => server.closeAllConnections(),
    close,
    say: (inFlight: number, waiting: number, arrived: number) => {
      snapshot = `${JSON.stringify({ services: { 'default/digits': { inFlight, waiting, arrived } } })}\n`;
      for (const listener of listeners) listener.write(snapshot);
    },
  };
}

const usual: ServiceScale = {
  ...{ key, uid: 'u1', minReplicas: 0, maxReplicas: 10, targetInFlight: 4, idleSeconds: 10, maxColdStartSeconds: 60 },
  ...{ pinned: undefined, currentReplicas: 0, readyReplicas: 0, verified: true },
};

class World {
  readonly clock = new FakeClock();
  readonly abort = new AbortController();
  readonly loop: Autoscaler;
  scale: ServiceScale;
  /** Those that come before it. */
  others: readonly ServiceScale[] = [];
  gateways: readonly GatewayAddress[];
  readonly registry = new Registry();
  pokes = 0;
  /** Warnings. */
  readonly told: string[] = [];

  constructor(scale: Partial<ServiceScale>, gateways: readonly GatewayAddress[]) {
    this.scale = { ...usual, ...scale };
    this.gateways = gateways;
    const log = { ...quiet, warn: (sentence: string) => this.told.push(sentence) };
    this.loop = startAutoscaler({
      ...{ clock: this.clock, random: () => 0, log, registry: this.registry, signal: this.abort.signal },
      services: () => [...this.others, this.scale],
      gateways: () => this.gateways,
      poke: () => this.pokes++,
    });
    stops.push(() => this.abort.abort());
  }

  get replicas(): number | undefined {
    return this.loop.recommendationFor(this.scale.uid)?.replicas;
  }

  /** Bytes travel in real time while the clock stands. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; !condition(); turn++) {
      if (turn > 2000) throw new Error('it never came about');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Time passes; the Deployment follows the recommendation, and its pods are ready at once. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.clock.advance(1000);
      const replicas = this.replicas ?? this.scale.currentReplicas;
      this.scale = { ...this.scale, currentReplicas: replicas, readyReplicas: replicas };
    }
  }
}

async function world(scale: Partial<ServiceScale>, gateways: readonly GatewayAddress[]): Promise<World> {
  const made = new World(scale, gateways);
  await made.clock.advance(0);
  return made;
}

describe('the autoscaler', () => {
  test('knows nothing until every gateway was heard', async () => {
    const [one, two] = [await speaker(), await speaker()];
    const silentGateway = { name: 'deaf', url: 'http://127.0.0.1:1' };
    const made = await world({ currentReplicas: 3, readyReplicas: 3 }, [one.address, silentGateway]);
    await made.until(() => one.listeners.size === 1);
    await made.pass(30);
    expect(made.replicas).toBeUndefined();
    made.gateways = [one.address, two.address];
    await made.pass(2);
    await made.until(() => made.replicas !== undefined);
    expect(made.replicas).toBe(3);
    // That nothing changes has its reason, too.
    expect(made.pokes).toBe(1);
  });

  test('the first waiting request wakes at once, by as many as are asked for', async () => {
    const gateway = await speaker();
    const made = await world({}, [gateway.address]);
    await made.until(() => made.replicas === 0);
    gateway.say(0, 7, 7);
    // The clock stands: no tick can have done it.
    await made.until(() => made.replicas === 2);
    expect(made.pokes).toBe(2);
    expect(made.loop.recommendationFor('u1')?.reason).toContain('7 requests came');
  });

  test('a request that came and gave up between two lines wakes too', async () => {
    const gateway = await speaker();
    const made = await world({}, [gateway.address]);
    await made.until(() => made.replicas === 0);
    gateway.say(0, 0, 1);
    await made.until(() => made.replicas === 1);
  });

  test('one client, then forty, then none: ten replicas within four seconds, zero after idleSeconds', async () => {
    const gateway = await speaker();
    const made = await world({}, [gateway.address]);
    await made.until(() => made.replicas === 0);
    gateway.say(0, 1, 1);
    await made.until(() => made.replicas === 1);
    gateway.say(1, 0, 1);
    await settle();
    await made.pass(30);
    expect(made.replicas).toBe(1);
    gateway.say(40, 0, 41);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.pass(4);
    expect(made.replicas).toBe(10);
    await made.pass(20);
    expect(made.replicas).toBe(10);
    gateway.say(0, 0, 2000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.pass(9);
    expect(made.replicas).toBeGreaterThan(0);
    await made.pass(3);
    expect(made.replicas).toBe(0);
    await made.pass(60);
    expect(made.replicas).toBe(0);
  });

  test('a gateway that falls silent stops nothing; heard again, all goes on', async () => {
    const gateway = await speaker();
    const made = await world({ currentReplicas: 4, readyReplicas: 4 }, [gateway.address]);
    await made.until(() => made.replicas === 4);
    gateway.hangUp();
    await made.until(() => gateway.listeners.size === 0);
    made.gateways = [{ name: 'deaf', url: 'http://127.0.0.1:1' }];
    await made.pass(100);
    expect(made.replicas).toBe(4);
    made.gateways = [gateway.address];
    await made.pass(2);
    await made.until(() => gateway.listeners.size === 1);
    await settle();
    await made.pass(14);
    expect(made.replicas).toBe(0);
  });

  const deaf: GatewayAddress = { name: 'deaf', url: 'http://127.0.0.1:1' };

  test('grows by what is heard while a gateway is not, from the first moment, and shrinks by nothing', async () => {
    const gateway = await speaker();
    const made = await world({ currentReplicas: 1, readyReplicas: 1 }, [gateway.address, deaf]);
    await made.until(() => gateway.listeners.size === 1);
    gateway.say(20, 0, 20);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.pass(4);
    expect(made.replicas).toBe(5);
    gateway.say(600, 0, 620);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.pass(4);
    expect(made.replicas).toBe(10);
    gateway.say(0, 0, 620);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.pass(300);
    expect(made.replicas).toBe(10);
  });

  /** Nobody asks for three replicas; the second gateway was never heard by a leader that begins now, or was once. */
  const leaders = ['one that begins with it', 'one that has heard it before'];
  test.each(leaders)('goes to zero when the gateway that is not heard has ended, for %s', async (who) => {
    const [gateway, other] = [await speaker(), await speaker()];
    const second = who === leaders[0] ? deaf : other.address;
    const made = await world({ currentReplicas: 3, readyReplicas: 3 }, [gateway.address, second]);
    await made.until(() => gateway.listeners.size === 1 && (second === deaf || made.replicas === 3));
    if (second !== deaf) {
      other.close();
      await made.until(() => other.listeners.size === 0);
    }
    await made.pass(100);
    expect(made.replicas ?? 3).toBe(3);
    // Its pod is deleted by now, and has as long to end as any other.
    made.gateways = [gateway.address, { ...second, endsInMs: 40_000 }];
    await made.pass(40);
    expect(made.replicas ?? 3).toBe(3);
    await made.pass(16);
    expect(made.replicas).toBe(0);
    expect(made.told).toEqual([
      'a gateway is not heard, so nothing shrinks',
      'a gateway that is not heard has ended, and counts no more',
    ]);
  });

  test('a gateway at its end that is heard counts', async () => {
    const gateway = await speaker();
    gateway.say(3, 0, 3);
    const made = await world({ currentReplicas: 1, readyReplicas: 1 }, [{ ...gateway.address, endsInMs: 1000 }]);
    await made.until(() => made.replicas === 1);
    await made.pass(30);
    expect([made.replicas, made.told]).toEqual([1, []]);
  });

  test('a service that cannot be decided on keeps nobody after it waiting, and is counted', async () => {
    const gateway = await speaker();
    const made = await world({ pinned: 1 }, [gateway.address]);
    await made.until(() => made.replicas === 1);
    const odd = {
      ...{ ...usual, key: { namespace: 'default', name: 'odd' }, uid: 'u0' },
      get targetInFlight(): number {
        throw new TypeError('no target');
      },
    };
    made.others = [odd];
    made.scale = { ...made.scale, pinned: 5 };
    await made.pass(4);
    expect(made.replicas).toBe(5);
    const failures = await made.registry.getSingleMetricAsString('limbeck_loop_failures_total');
    expect(failures).toContain('{loop="autoscaler"} 2');
  });

  test('another UID is another service', async () => {
    const gateway = await speaker();
    const made = await world({ pinned: 5 }, [gateway.address]);
    await made.until(() => made.replicas === 5);
    made.scale = { ...usual, uid: 'u2' };
    // Until the next tick, nothing has been said of it.
    expect(made.replicas).toBeUndefined();
    await made.clock.advance(2000);
    expect(made.replicas).toBe(0);
  });

  test('who does not lead any more says nothing', async () => {
    const gateway = await speaker();
    const made = await world({}, [gateway.address]);
    await made.until(() => made.replicas === 0);
    made.abort.abort();
    expect(made.replicas).toBeUndefined();
    await made.until(() => gateway.listeners.size === 0);
  });
});
