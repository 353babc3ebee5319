/** What a registry tells to whoever scrapes it. */
import type { Registry } from '../../process/metrics.ts';

/** The lines of one metric, without those that explain. */
export const scraped = async (registry: Registry, name: string): Promise<readonly string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
