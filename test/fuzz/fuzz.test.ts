/**
 * The model server under requests at random: no crash, no 5xx for a caller's mistake, no hang, no growth. `make test` gives
 * it LIMBECK_FUZZ_SECONDS, 20 unless told otherwise, always from the same seed: an eighth of them to each of what follows and two to
 * HTTP; `make fuzz` gives it ten minutes and a new seed. A failure is made smaller and printed with its seed; LIMBECK_FUZZ_SEED
 * repeats it.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { conformanceModels } from '../conformance/models.ts';
import { echoArtefact } from '../support/echo-artefact.ts';
import { embeddingArtefact } from '../support/embedding-model.ts';
import { folderWith } from '../support/model-server.ts';
import { residentMiB, startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { attack, framedCall, grpcMessage, rawBytes } from './arbitrary.ts';
import { openaiAttack } from './openai.ts';
import { addComers, repositoryAttack } from './repository.ts';
import { sampleAttack, sampleModels } from './samples.ts';
import { ask, framesFault, grpcFaults, httpFault, rawFault } from './wire.ts';

const seconds = Number(process.env['LIMBECK_FUZZ_SECONDS'] ?? 20);
const seed = Number(process.env['LIMBECK_FUZZ_SEED'] ?? 1);
// Shrinking a failure takes its time as well.
jest.setTimeout(seconds * 1000 + 120_000);

let server: ServerProcess;
let port: number;

beforeAll(async () => {
  const texts = { ...echoArtefact(), ...embeddingArtefact('vectors', { pooling: 'mean' }) };
  const models = await folderWith({ ...conformanceModels(), ...texts, ...sampleModels() });
  server = await startServerProcess({
    ...{ LIMBECK_MODELS_DIR: models, LIMBECK_GRPC_PORT: '0', LIMBECK_LOG_LEVEL: 'info' },
    LIMBECK_MAX_BODY_BYTES: String(1 << 20),
  });
  await addComers(models);
  port = Number(new URL(server.url).port);
}, startLimitMs);
afterAll(() => server.stop());

/** Of processes that models have: one that ends does not end the server. */
async function deaths(): Promise<readonly number[]> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return [...text.matchAll(/^limbeck_worker_deaths_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
}

afterEach(async () => {
  expect(server.child.exitCode).toBeNull();
  // What still hangs when its time is over is found out here.
  const ready = { method: 'GET', path: '/v2/health/ready', headers: {}, body: Buffer.alloc(0) };
  expect((await ask(port, ready)).code).toBe(200);
  expect(new Set(await deaths())).toEqual(new Set([0]));
});

/** Runs a property for an eighth of the time. */
async function forAWhile<T>(given: fc.Arbitrary<T>, faultOf: (value: T) => Promise<string | undefined>): Promise<void> {
  const together = 8;
  const property = fc.asyncProperty(fc.array(given, { minLength: together, maxLength: together }), async (values) => {
    expect((await Promise.all(values.map(faultOf))).filter((fault) => fault !== undefined)).toEqual([]);
  });
  // The first value has all the time that it takes: on a busy machine it may be more than there is for all.
  await fc.assert(property, { seed, numRuns: 1 });
  const limit = { numRuns: 1_000_000, interruptAfterTimeLimit: (seconds * 1000) / 8 };
  const found = await fc.check(property, { seed, ...limit });
  // Running out of time is the plan, be it before another value was tried.
  if (found.counterexample !== null) throw new Error(await fc.asyncDefaultReportMessage(found));
}

test.each<[string, string, string]>([
  [
    'an inference',
    '/v2/models/mlp/infer',
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}',
  ],
  ['a completion', '/v1/completions', '{"model":"echo","prompt":"abcdefgh"}'],
  ['embeddings', '/v1/embeddings', '{"model":"vectors","input":"a"}'],
  ['a text that is written on', '/v2/models/echo/generate', '{"text_input":"abcdefgh"}'],
  ['one in pieces', '/v2/models/echo/generate_stream', '{"text_input":"abcdefgh"}'],
  ['texts', '/v2/models/texts/predict', '{"texts":["a"]}'],
  ['a row of a table', '/v2/models/table/predict', '36,Oslo'],
  ['a load', '/v2/repository/models/coming/load', '{}'],
  ['an unload', '/v2/repository/models/coming/unload', '{}'],
])('what is right is answered: %s', async (_what, path, body) => {
  const headers = body.startsWith('{') ? {} : { 'content-type': 'text/csv' };
  const { code, text } = await ask(port, { method: 'POST', path, headers, body: Buffer.from(body) });
  expect([code, text]).toEqual([200, expect.not.stringContaining('"error"')]);
});

test('requests with anything in them', async () => {
  await forAWhile(attack, (value) => httpFault(port, value));
  const before = residentMiB(server);
  await forAWhile(attack, (value) => httpFault(port, value));
  expect(residentMiB(server) - before).toBeLessThan(100);
});

test("requests of OpenAI's API with anything in them", () =>
  forAWhile(openaiAttack, (value) => httpFault(port, value)));

test('files, forms, texts and rows of a table with anything in them', () =>
  forAWhile(sampleAttack, (value) => httpFault(port, value)));

test('loads and unloads, and what is asked meanwhile', () =>
  forAWhile(repositoryAttack, (value) => httpFault(port, value)));

test('bytes that are hardly HTTP', () => forAWhile(rawBytes, (value) => rawFault(port, value)));

test('a server that neither answers nor closes would be found out', async () => {
  const silent = createServer({ allowHalfOpen: true }).on('connection', (socket) => void socket.resume());
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const { port: silentPort } = silent.address() as AddressInfo;
  expect(await rawFault(silentPort, Buffer.from('GET / HTTP/1.1\r\n\r\n'), 50)).toContain('it hangs');
  silent.close();
});

const name = Buffer.from('\n\u0003mlp');
const infer = Buffer.concat([name, Buffer.from('2a0d0a01781204465033321a0201043a10', 'hex'), Buffer.alloc(16)]);

test('frames of gRPC that lie', () =>
  forAWhile(framedCall([name, infer]), (value) => framesFault(server.grpcAddress, value)));

test('messages of gRPC with bytes changed', async () => {
  const { fault, close } = grpcFaults(server.grpcAddress);
  const calls = fc.tuple(
    fc.constantFrom(
      ...['ModelInfer', 'ModelInfer', 'ModelMetadata', 'ModelReady', 'ModelConfig', 'ModelStatistics'],
      ...[
        'RepositoryIndex',
        'RepositoryModelLoad',
        'RepositoryModelUnload',
        'ServerReady',
        'ServerMetadata',
        'Nothing',
      ],
    ),
    grpcMessage([name, infer]),
  );
  await forAWhile(calls, ([method, message]) => fault(method, message));
  close();
});
