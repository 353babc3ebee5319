import { statfsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createRegistry } from '../../../process/metrics.ts';
import { storeMetrics } from '../../../runtime/store/metrics.ts';
import { scraped } from '../../support/scraped.ts';

function registered(volume = '.', fault?: string) {
  const registry = createRegistry('store');
  let isWell = fault === undefined;
  const count = storeMetrics(registry, { volume, notWell: () => Promise.resolve(isWell ? undefined : fault) });
  const recover = (): void => {
    isWell = true;
  };
  return { registry, count, recover };
}

const numberIn = (line: string | undefined): number => Number(line?.split(' ')[1]);

describe('the metrics of the store', () => {
  test('count requests by operation and code, and their seconds', async () => {
    const { registry, count } = registered();
    count({ operation: 'PutObject', code: '200', seconds: 0.02 });
    count({ operation: 'PutObject', code: '507', seconds: 0.5 });
    expect(await scraped(registry, 'limbeck_store_requests_total')).toEqual([
      'limbeck_store_requests_total{operation="PutObject",code="200",component="store"} 1',
      'limbeck_store_requests_total{operation="PutObject",code="507",component="store"} 1',
    ]);
    expect(await scraped(registry, 'limbeck_store_request_seconds_sum')).toEqual([
      'limbeck_store_request_seconds_sum{component="store",operation="PutObject"} 0.52',
    ]);
  });

  test('tell of the volume what its file system does, and what is free for whoever is not root', async () => {
    const { registry } = registered();
    const { blocks, frsize, files } = statfsSync('.');
    const value = async (name: string): Promise<number> =>
      numberIn((await scraped(registry, `limbeck_store_volume_${name}{`))[0]);
    expect(await value('bytes')).toBe(blocks * frsize);
    expect(await value('inodes')).toBe(files);
    // Others write meanwhile.
    const { bavail } = statfsSync('.');
    expect(Math.abs((await value('free_bytes')) / (bavail * frsize) - 1)).toBeLessThan(0.1);
    expect(await value('free_inodes')).toBeLessThanOrEqual(files);
  });

  test('say nothing of a volume that cannot be asked, and everything else', async () => {
    const { registry } = registered('/nowhere/at/all');
    expect(await scraped(registry, 'limbeck_store_volume_')).toEqual([]);
    expect(await scraped(registry, 'limbeck_store_up')).toEqual(['limbeck_store_up{component="store"} 1']);
  });

  test('say at each scrape whether the S3 server answers', async () => {
    const { registry, recover } = registered('.', 'it does not');
    expect(await scraped(registry, 'limbeck_store_up')).toEqual(['limbeck_store_up{component="store"} 0']);
    recover();
    expect(await scraped(registry, 'limbeck_store_up')).toEqual(['limbeck_store_up{component="store"} 1']);
  });
});
