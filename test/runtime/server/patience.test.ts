/** How long callers over HTTP wait, by the header that all routes take. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { inTime, patienceOf, wholly } from '../../../runtime/server/patience.ts';
import { expired, unavailable } from '../../../runtime/server/protocol/errors.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { embeddingArtefact } from '../../support/embedding-model.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { mlpModel } from '../../support/onnx-model.ts';
import { houseTable, manifested, meanOfColumns } from '../../support/sample-models.ts';

describe('a timeout', () => {
  test('is milliseconds', () => expect(patienceOf('3S')).toBe(3000));

  test.each(['', '0S', '1S, 2S'])('%p is none', (header) =>
    expect(() => patienceOf(header)).toThrow('is not 1 to 8 digits, above 0, and one of the units'),
  );
});

describe('what takes its time', () => {
  const never = new Promise<never>(() => undefined);
  const caller = (patienceMs?: number) => ({ aborted: false, patienceMs });

  test('is waited for as long as the caller waits', async () => {
    await expect(inTime(never, caller(1))).rejects.toMatchObject({ fault: { kind: 'expired' } });
    await expect(inTime(never, caller(-1))).rejects.toMatchObject({ fault: { kind: 'expired' } });
  });

  test.each([undefined, 60_000, 1e12])('is had where it comes sooner than %p ms', async (patienceMs) => {
    await expect(inTime(Promise.resolve('it'), caller(patienceMs))).resolves.toBe('it');
    await expect(inTime(Promise.reject(unavailable('no')), caller(patienceMs))).rejects.toThrow('no');
  });

  test('of many runs is late as a whole, and fails as its part does', async () => {
    await expect(wholly(() => Promise.reject(expired()))).rejects.toMatchObject({
      fault: { kind: 'expired' },
      message: 'the answer was not finished in the time that it was allowed to take',
    });
    await expect(wholly(() => Promise.reject(unavailable('no')))).rejects.toThrow('no');
    await expect(wholly(() => Promise.resolve('it'))).resolves.toBe('it');
  });
});

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels(
    {
      'mlp/model.onnx': mlpModel([4, 8, 3]),
      ...manifested('houses', meanOfColumns, { preprocessing: houseTable }),
      ...embeddingArtefact('vectors', { pooling: 'mean' }),
      ...echoArtefact(),
    },
    { slots: 1 },
  );
});

afterAll(() => server.stop());

const rows = (count: number) => {
  const data = Array.from({ length: 4 * count }, (_, index) => index + 1);
  return { inputs: [{ name: 'x', datatype: 'FP32', shape: [count, 4], data }] };
};
const messages = [{ role: 'user', content: 'x 345678' }];

/** A request of each route that runs a model; whether its errors have OpenAI's shape. */
const requests = [
  ['/v2/models/mlp/infer', rows(1), false],
  ['/v2/models/mlp/explain', rows(1), false],
  ['/v2/models/houses/predict', { rows: [{ age: 36, city: 'Oslo' }] }, false],
  ['/v1/models/mlp:predict', { instances: [[1, 2, 3, 4]] }, false],
  ['/v1/embeddings', { model: 'vectors', input: 'hello' }, true],
  ['/v1/completions', { model: 'echo', prompt: 'one two ' }, true],
  ['/v1/chat/completions', { model: 'echo', messages, max_tokens: 4 }, true],
] as const;

interface Told {
  readonly error: string | Readonly<Record<'message' | 'code', string>>;
}

async function ask(path: string, body: object, headers: Readonly<Record<string, string>>) {
  const type = { 'Content-Type': 'application/json', ...headers };
  const answer = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), headers: type });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text.startsWith('{') ? text : 'null') as Told | null };
}

/** Runs of all models so far, and tokens. */
const done = (): number =>
  server.engine.models.reduce((sum, { statistics, decodingStatistics }) => {
    return (
      sum + statistics.executions + decodingStatistics.totals.writtenTokens + decodingStatistics.totals.promptTokens
    );
  }, 0);

describe.each(requests)('%s', (path, body, isOpenAi) => {
  const shape = (message: unknown, code: string | null) => (isOpenAi ? { message, code } : message);

  test('answers a caller who waits long enough', async () => {
    expect(await ask(path, body, { 'Grpc-Timeout': '1M' })).toMatchObject({ status: 200 });
  });

  test('tells one who does not wait so, in the shape of the protocol, and runs nothing', async () => {
    const before = done();
    const error = shape(expect.stringMatching(/was not (begun|finished)/), 'deadline_exceeded');
    expect(await ask(path, body, { 'grpc-timeout': '1n' })).toMatchObject({ status: 504, json: { error } });
    expect(done()).toBe(before);
  });

  test('refuses a timeout that is none', async () => {
    const error = shape(expect.stringContaining("grpc-timeout 'soon'"), null);
    expect(await ask(path, body, { 'grpc-timeout': 'soon' })).toMatchObject({ status: 400, json: { error } });
  });

  test('is not moved by what SDKs and proxies send unasked', async () => {
    const unasked = {
      'X-Stainless-Timeout': '0',
      'X-Stainless-Read-Timeout': '0.001',
      'x-envoy-expected-rq-timeout-ms': 'x',
    };
    expect(await ask(path, body, unasked)).toMatchObject({ status: 200 });
  });
});

test('the sooner of header and parameter counts', async () => {
  const { inputs } = rows(1);
  const infer = (timeout: number, header: string) =>
    ask('/v2/models/mlp/infer', { inputs, parameters: { timeout } }, { 'grpc-timeout': header });
  expect((await infer(1, '1M')).status).toBe(504);
  expect((await infer(60_000_000, '1n')).status).toBe(504);
  expect((await infer(60_000_000, '1M')).status).toBe(200);
});

describe('a deadline in the middle', () => {
  test('of an explanation ends it', async () => {
    const { statistics } = server.engine.find('mlp');
    const before = statistics.executions;
    const parameters = { method: 'integrated', steps: 256 };
    const { status, json } = await ask('/v2/models/mlp/explain', { ...rows(7), parameters }, { 'grpc-timeout': '2m' });
    expect([status, json?.error]).toEqual([504, 'the answer was not finished in the time that it was allowed to take']);
    // It would have taken 7 rows of 4 features, each at both ends of 256 steps.
    expect(statistics.executions - before).toBeLessThan((7 * 4 * 2 * 256) / 32);
  });

  // One slot, and more tokens than are written in that time.
  const endless = { model: 'echo', prompt: 'one two ', max_tokens: 240, n: 128, logit_bias: { 256: -100 } };
  const idle = () => until(() => server.engine.find('echo').language?.decoder.pending === 0);

  test('of an answer ends it, and all that is written beside it', async () => {
    const { endings } = server.engine.find('echo').decodingStatistics.totals;
    const before = endings.expired;
    const { status, json } = await ask('/v1/completions', endless, { 'grpc-timeout': '500m' });
    expect([status, json?.error]).toMatchObject([504, { code: 'deadline_exceeded', type: 'server_error' }]);
    await idle();
    expect(endings.expired).toBeGreaterThan(before);
  });

  test('of a stream ends it with an error, and without its mark', async () => {
    // Long enough for it to have begun, also on a busy machine.
    const { status, text } = await ask('/v1/completions', { ...endless, stream: true }, { 'grpc-timeout': '2S' });
    const events = text.trimEnd().split('\n\n');
    expect(status).toBe(200);
    expect(events[0]).toContain('"text":');
    expect(JSON.parse(events.at(-1)!.replace('data: ', ''))).toMatchObject({ error: { code: 'deadline_exceeded' } });
    await idle();
  });
});
