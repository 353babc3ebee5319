/** What the operator makes of every example of examples/training; the trainer's tests run exactly that. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { readDefinitions } from '../../crds/generate.ts';
import { labels } from '../../operator/api/names.ts';
import type { TrainingJob } from '../../operator/api/resources.ts';
import { configOf } from '../../operator/training/desired.ts';
import { trainerConfigOf } from '../../operator/workloads/trainer-job.ts';
import { expectGoldenJson } from '../support/golden.ts';
import { settings } from '../support/runs.ts';

const folder = 'examples/training';
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.yaml') ? [file.replace('.yaml', '')] : []));
const [definition] = await readDefinitions();
const schema = definition?.spec.versions[0]?.schema.openAPIV3Schema ?? {};
/** Fills in the defaults, as the API server does. */
const accept = new Ajv({ strict: false, useDefaults: true, validateFormats: false }).compile(schema);
const contract = new Ajv({ strict: false }).compile(
  JSON.parse(readFileSync('crds/contracts/trainer-config.schema.json', 'utf8')) as object,
);

test.each(names)('%s', async (name) => {
  const job = parse(readFileSync(`${folder}/${name}.yaml`, 'utf8')) as TrainingJob;
  expect([accept(job), accept.errors]).toEqual([true, null]);
  const root = { ...job, metadata: { ...job.metadata, namespace: 'default', uid: 'tj-1' } };
  const config = trainerConfigOf({
    ...{ root, label: labels.trainingJob, number: 1, settings },
    config: configOf(root.spec),
  });
  expect([contract(config), contract.errors]).toEqual([true, null]);
  const { distribution, evaluation } = root.spec;
  await expectGoldenJson(`test/golden/training/${name}.json`, {
    ...{ config, workers: distribution.workers, gates: evaluation.gates },
  });
});
