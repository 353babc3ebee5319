/** Who writes at rest, and who rightly answers what others did. Needs no API server. */
import { describe, expect, test } from '@jest/globals';
import { newsIn } from './end-state.ts';
import { newsTold } from './news.ts';
import { writesAtRest } from './quiescence.ts';
import { Trace } from './trace.ts';

/** A namespace with one Deployment, an operator that does `onLook` in each of its passes, and all that is told of both. */
class Life {
  readonly trace = new Trace();
  readonly #lines: string[] = [];
  #looks = 0;
  deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'toy' }, status: { readyReplicas: 1 } };
  #version = 5;

  /** The operator applies it, and hears of that. */
  rewrite(): void {
    const url = '/apis/apps/v1/namespaces/toys/deployments/toy?fieldManager=limbeck';
    const exchange = this.trace.begin({ method: 'PATCH', url, body: '' }, 1);
    this.#version += 1;
    exchange.version = String(this.#version);
    this.trace.end(exchange);
    this.#tell();
  }

  /** Its controller says something of it. */
  report(status: object = { readyReplicas: this.#version }): void {
    this.#version += 1;
    this.deployment = { ...this.deployment, status: { ...this.deployment.status, ...status } };
    this.#tell();
  }

  #tell(): void {
    const version = String(this.#version);
    const metadata = { ...this.deployment.metadata, resourceVersion: version };
    this.deployment = { ...this.deployment, metadata };
    this.trace.given({ instance: 1, resource: 'deployments', type: 'MODIFIED', name: 'toy', version, verdict: 'pass' });
  }

  /** As one who reads the trace says it, or one who merely sees what is there. */
  looked(onLook: (look: number) => void, hears: 'trace' | 'objects' = 'trace'): Promise<number> {
    const poke = (): void => {
      this.#looks += 1;
      onLook(this.#looks);
      this.#lines.push('pass over toy {"outcome":"settled"}');
    };
    const before = this.#writes();
    const instance = { lines: this.#lines, writes: () => this.#writes(), manager: { leading: Promise.resolve() } };
    const news = (known?: string): string =>
      hears === 'trace' ? newsTold(this.trace, known) : newsIn([this.deployment]);
    return writesAtRest({ instance, before, isReplaced: () => false, poke, news, rest: () => Promise.resolve() });
  }

  #writes(): number {
    return this.trace.writes;
  }
}

describe.each(['trace', 'objects'] as const)('by what the %s shows', (hears) => {
  test('who applies a Deployment anew in each of its first three looks has written at rest', async () => {
    const life = new Life();
    const onLook = (look: number): void => {
      if (look <= 3) life.rewrite();
      // Its controller says up to which version it has looked.
      life.report({ observedGeneration: look });
    };
    expect(await life.looked(onLook, hears)).toBe(3);
  });

  test('who answers a controller that is late has not', async () => {
    const life = new Life();
    const onLook = (look: number): void => {
      if (look === 1) life.report();
      if (look === 1) life.rewrite();
    };
    expect(await life.looked(onLook, hears)).toBe(0);
  });

  test('who writes in each look has, whatever others do', async () => {
    const life = new Life();
    const onLook = (): void => {
      life.report();
      life.rewrite();
    };
    expect(await life.looked(onLook, hears)).toBe(3);
  });
});

test('what a controller makes of our own write excuses nothing', async () => {
  const life = new Life();
  const onLook = (look: number): void => {
    if (look > 3) return;
    life.rewrite();
    life.report();
  };
  expect(await life.looked(onLook)).toBe(3);
});

test('what was told before, or is told anew, or of another kind, or not handed over, is no news', () => {
  const life = new Life();
  life.report();
  const known = newsTold(life.trace);
  const frame = { instance: 1, resource: 'deployments', type: 'ADDED', name: 'toy', version: '6', verdict: 'pass' };
  life.trace.given(frame);
  life.trace.given({ ...frame, resource: 'nodes', version: '7' });
  life.trace.given({ ...frame, type: 'BOOKMARK', version: '7' });
  life.trace.given({ ...frame, version: '7', verdict: 'silence' });
  expect(newsTold(life.trace, known)).toBe(known);
});

test.each([
  ['to the one before him, and to him only now', { instance: 2, version: '6', verdict: 'pass' }],
  ['with a stream that ends then', { instance: 1, version: '7', verdict: 'told, then gone' }],
])('what was told %s is news', (_, more) => {
  const life = new Life();
  life.report();
  const known = newsTold(life.trace);
  life.trace.given({ resource: 'deployments', type: 'MODIFIED', name: 'toy', ...more });
  expect(newsTold(life.trace, known)).not.toBe(known);
});

test('what a list in pages shows for the first time is news', () => {
  const { trace } = new Life();
  const list = (versions: readonly string[]): void => {
    const url = '/apis/apps/v1/namespaces/toys/deployments?limit=500';
    const items = versions.map((resourceVersion) => ({ metadata: { resourceVersion } }));
    Object.assign(trace.begin({ method: 'GET', url, body: '' }, 1), { status: 200, answer: JSON.stringify({ items }) });
  };
  list(['5']);
  const known = newsTold(trace);
  list(['5']);
  expect(newsTold(trace, known)).toBe(known);
  list(['5', '6']);
  expect(newsTold(trace, known)).not.toBe(known);
});
