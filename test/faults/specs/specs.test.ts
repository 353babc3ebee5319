/**
 * Chains of declarations at random on a real API server with the real reconcilers. The seed is printed; LIMBECK_SEED
 * takes it again, and LIMBECK_PATH what failed of it alone. More and longer, and another seed each time, with
 * LIMBECK_FAULTS=all.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openRawApi } from '../../support/raw-api.ts';
import type { Chains } from '../coverage.ts';
import { keep } from '../kept.ts';
import { openLaboratory, type OpenLaboratory } from '../laboratory.ts';
import { goodAgain, lastAloneDecides } from './chain.ts';
import { chain, goodAndBad } from './declarations.ts';
import { badLeavesNothing, lackIsTold, lastJobDecides } from './job-chain.ts';
import { jobAndBad, jobChain, lackingJob, type JobPlural } from './jobs.ts';
import { fewestTries, seed, tried, type Tried } from './lanes.ts';

let laboratory: OpenLaboratory;
const api = openRawApi();
const chains: Chains[] = [];

beforeAll(async () => {
  process.stdout.write(`specs at random: LIMBECK_SEED=${String(seed)}\n`);
  laboratory = await openLaboratory();
}, 300_000);

afterAll(async () => {
  await laboratory.close();
  await api.close();
  await keep('chains', chains);
}, 300_000);

function judge(kind: string, what: string, { tries, failed }: Tried): void {
  chains.push({ kind, what, tries, seed });
  expect(failed).toEqual([]);
  expect(tries).toBeGreaterThanOrEqual(fewestTries);
}

const decides = 'the last declaration alone decides what is there';
const tellsLack = 'what is named and is not there is told, and nothing is made meanwhile';
const leavesNothing = 'bad declarations leave nothing behind once the good one is back';

// Most of a chain is spent waiting for controllers: all of them at once.
describe('modelservices', () => {
  test.concurrent(
    decides,
    async () => {
      judge('modelservices', decides, await tried(chain, (steps) => lastAloneDecides(laboratory, api, steps)));
    },
    1_800_000,
  );

  test.concurrent(
    leavesNothing,
    async () => {
      const found = await tried(goodAndBad, ([good, bad]) => goodAgain(laboratory, api, good, bad));
      judge('modelservices', leavesNothing, found);
    },
    1_800_000,
  );
});

describe.each<JobPlural>(['trainingjobs', 'distillationjobs'])('%s', (plural) => {
  test.concurrent(
    decides,
    async () => {
      judge(
        plural,
        decides,
        await tried(jobChain(plural), (steps) => lastJobDecides({ laboratory, api, plural }, steps)),
      );
    },
    1_800_000,
  );

  test.concurrent(
    leavesNothing,
    async () => {
      const found = await tried(jobAndBad(plural), (steps) => badLeavesNothing({ laboratory, api, plural }, steps));
      judge(plural, leavesNothing, found);
    },
    1_800_000,
  );

  test.concurrent(
    tellsLack,
    async () => {
      const found = await tried(lackingJob(plural), (lack) => lackIsTold({ laboratory, api, plural }, lack));
      judge(plural, tellsLack, found);
    },
    1_800_000,
  );
});
