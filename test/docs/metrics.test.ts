/** docs/serving.md names metrics, and a model server of which everything is asked shows them. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { folderWith } from '../support/model-server.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
beforeAll(async () => {
  const LIMBECK_MODELS_DIR = await folderWith({});
  // Some are there only with a budget or with traces; nobody listens to those.
  const budget = { LIMBECK_MODEL_CONTROL: 'explicit', LIMBECK_MODELS_BYTES: '1000000' };
  const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  server = await startServerProcess({ LIMBECK_MODELS_DIR, ...budget, ...traces });
}, startLimitMs);

afterAll(() => server.stop());

test('every metric that the page names is shown', async () => {
  const scraped = await (await fetch(`${server.url}/metrics`)).text();
  const shown = [...scraped.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const named = [...new Set((await readFile('docs/serving.md', 'utf8')).match(/\b(?:limbeck_|vllm:|nv_)[a-z_]+/g))];
  expect(named).toContain('limbeck_models_budget_bytes');
  expect(named.filter((name) => !shown.includes(name))).toEqual([]);
});
