import { expect, test } from '@jest/globals';
import { heldOut } from '../../demo/heldout.ts';
import { Kubectl, type Status, type Wait } from '../../demo/kubectl.ts';

/** Says how long it was asked to wait, and has no cluster. */
class Patience extends Kubectl {
  seconds = 0;
  override run(): Promise<string> {
    return Promise.resolve('{"x": [], "y": []}');
  }
  override until<T extends Status, V>({ seconds, judge }: Wait<T, V>): Promise<V> {
    this.seconds = seconds;
    const verdict = judge({ phase: 'Succeeded' } as T);
    return verdict === undefined ? Promise.reject(new Error('undecided')) : Promise.resolve(verdict);
  }
}

const split = { validation: 0.1, test: 0.2, seed: 7 };

test('the pod that prints the digits may first have to get the image of the trainer, on a node that has trained nothing', async () => {
  const kubectl = new Patience('default');
  expect(await heldOut(kubectl, 'trainer', { source: { builtin: 'digits' }, split })).toEqual({ x: [], y: [] });
  expect(kubectl.seconds).toBeGreaterThanOrEqual(300);
});
