/** The server as a process with a collector on loopback: what arrives there, and that nobody else ever notices. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { freePort } from '../../../support/free-port.ts';
import { grpcCaller } from '../../../support/grpc-caller.ts';
import { call, post } from '../../../support/http-caller.ts';
import { folderWith, until } from '../../../support/model-server.ts';
import { mlpModel } from '../../../support/onnx-model.ts';
import { ask } from '../../../support/openai-caller.ts';
import { OtlpReceiver, type ReceivedSpan } from '../../../support/otlp-receiver.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../../../support/server-process.ts';

const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };
const parentId = '00f067aa0ba902b7';
let traces = 0;

/** A caller's trace of its own, sampled or not. */
function callersTrace(sampled = true): { readonly id: string; readonly headers: Record<string, string> } {
  traces += 1;
  const id = traces.toString(16).padStart(32, '4');
  return { id, headers: { traceparent: `00-${id}-${parentId}-0${Number(sampled)}`, tracestate: 'vendor=1' } };
}

const infer = (server: ServerProcess, headers: Record<string, string> = {}, body: unknown = { inputs: [four] }) =>
  post(`${server.url}/v2/models/mlp/infer?key=secret`, body, headers);

async function startServer(url: string, environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const folder = await folderWith({ 'mlp/model.onnx': mlpModel([4, 8, 3]), ...echoArtefact() });
  return startServerProcess({ LIMBECK_MODELS_DIR: folder, OTEL_EXPORTER_OTLP_ENDPOINT: url, ...environment });
}

/** Spans by what became of them, by the server's own metric. */
async function outcome(server: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const series = new RegExp(`^limbeck_trace_spans_total\\{.*outcome="${name}".*\\} (\\d+)$`, 'm');
  return Number(series.exec(text)?.[1]);
}

function within(child: ReceivedSpan, parent: ReceivedSpan): void {
  expect(child).toMatchObject({ parentSpanId: parent.spanId, kind: 'INTERNAL' });
  // Each span reads the wall clock for itself, to the millisecond.
  expect(child.startMs).toBeGreaterThan(parent.startMs - 2.5);
  expect(child.endMs).toBeLessThan(parent.endMs + 2.5);
}

describe('a collector that listens', () => {
  const receiver = new OtlpReceiver();
  let server: ServerProcess;

  beforeAll(async () => {
    await receiver.start();
    const service = { OTEL_SERVICE_NAME: 'digits', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' };
    server = await startServer(receiver.url, { LIMBECK_GRPC_PORT: '0', OTEL_BSP_SCHEDULE_DELAY: '20', ...service });
  }, startLimitMs);

  afterAll(async () => {
    await server.stop();
    await receiver.stop();
  });

  test('gets an inference as a child of the caller, with its wait and its run below it', async () => {
    const { id, headers } = callersTrace();
    const own = { 'x-request-id': 'mine', 'user-agent': 'mine/1', authorization: 'Bearer secret' };
    expect((await infer(server, { ...headers, ...own })).status).toBe(200);
    const spans = await receiver.trace(id, 3);
    const root = spans.get('POST /v2/models/{model}/infer')!;
    expect(root).toMatchObject({ parentSpanId: parentId, traceState: 'vendor=1', kind: 'SERVER', status: 'UNSET' });
    // What the documentation names, and no other header.
    expect(root.attributes).toEqual({
      ...{ 'http.request.method': 'POST', 'http.route': '/v2/models/{model}/infer', 'http.response.status_code': 200 },
      ...{ 'url.path': '/v2/models/mlp/infer', 'url.scheme': 'http', 'network.protocol.version': '1.1' },
      ...{ 'user_agent.original': 'mine/1', 'client.address': expect.any(String) },
      'http.response.header.x-request-id': ['mine'],
    });
    expect(JSON.stringify(root)).not.toContain('secret');
    expect(root.resource).toMatchObject({
      ...{ 'service.name': 'digits', 'service.version': '0.1.0', 'deployment.environment.name': 'test' },
      'telemetry.sdk.language': 'nodejs',
    });
    const [queue, run] = [spans.get('queue')!, spans.get('run')!];
    for (const child of [queue, run]) within(child, root);
    expect(run.startMs).toBeGreaterThan(queue.startMs - 2.5);
    expect(run.attributes).toEqual({
      ...{ 'limbeck.model.name': 'mlp', 'limbeck.model.version': '1', 'limbeck.batch.requests': 1 },
    });
    expect(receiver.requests[0]).toBe('/v1/traces application/x-protobuf');
  });

  test('gets a call over gRPC the same way', async () => {
    const grpc = grpcCaller(Number(server.grpcAddress.split(':')[1]));
    const input = { name: 'x', datatype: 'FP32', shape: [1, 4], contents: { fp32_contents: [1, 2, 3, 4] } };
    const [good, bad] = [callersTrace(), callersTrace()];
    await grpc.call('ModelInfer', { model_name: 'mlp', inputs: [input] }, good.headers);
    await grpc.call('ModelInfer', { model_name: 'nobody', inputs: [input] }, bad.headers);
    grpc.close();
    const method = 'inference.GRPCInferenceService/ModelInfer';
    const spans = await receiver.trace(good.id, 3);
    const root = spans.get(method)!;
    expect(root).toMatchObject({ parentSpanId: parentId, kind: 'SERVER', status: 'UNSET' });
    const named = { 'rpc.system.name': 'grpc', 'rpc.method': method };
    expect(root.attributes).toEqual({ ...named, 'rpc.response.status_code': 'OK' });
    for (const name of ['queue', 'run']) within(spans.get(name)!, root);
    const refused = (await receiver.trace(bad.id, 1)).get(method);
    expect(refused?.attributes).toEqual({ ...named, 'rpc.response.status_code': 'NOT_FOUND' });
  });

  test('gets an answer of a language model with its wait, its prompt and its tokens', async () => {
    const { id, headers } = callersTrace();
    const messages = [{ role: 'user', content: 'x 345678' }];
    const asked = { model: 'echo', messages, temperature: 0, max_tokens: 8, stream: true };
    expect((await ask(`${server.url}/v1/chat/completions`, asked, { headers })).status).toBe(200);
    const spans = await receiver.trace(id, 4);
    const root = spans.get('POST /v1/chat/completions')!;
    expect(root.attributes).toMatchObject({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'echo' });
    for (const name of ['queue', 'prefill', 'decode']) within(spans.get(name)!, root);
    expect(spans.get('prefill')!.attributes).toEqual({
      ...{ 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.cache_read.input_tokens': expect.any(Number) },
    });
    expect(spans.get('decode')!.attributes).toEqual({
      ...{ 'gen_ai.usage.output_tokens': 8, 'gen_ai.response.finish_reasons': ['length'] },
    });
    expect(spans.get('decode')!.startMs).toBeGreaterThan(spans.get('prefill')!.startMs - 2.5);
  });

  test('gets what was refused as a span without children, and no error of the server', async () => {
    const { id, headers } = callersTrace();
    expect((await infer(server, headers, 'no JSON')).status).toBe(400);
    const span = (await receiver.trace(id, 1)).get('POST /v2/models/{model}/infer')!;
    expect(span).toMatchObject({ status: 'UNSET', attributes: { 'http.response.status_code': 400 } });
    expect(span.attributes).not.toHaveProperty('error.type');
  });

  test('gets nothing of a caller who is not sampled, and nothing of probes', async () => {
    const [without, probe, after] = [callersTrace(false), callersTrace(), callersTrace()];
    expect((await infer(server, without.headers)).status).toBe(200);
    for (const path of ['/healthz', '/v2/health/ready', '/metrics'])
      await call(server.url + path, { headers: probe.headers });
    await infer(server, after.headers);
    // Spans leave in the order in which they ended.
    await receiver.trace(after.id, 3);
    expect(receiver.spans.filter(({ traceId }) => [without.id, probe.id].includes(traceId))).toEqual([]);
  });

  test('gets a trace of its own for a caller without one, even where the header is none', async () => {
    const before = receiver.spans.length;
    await infer(server, { traceparent: 'nonsense' });
    await until(() => receiver.spans.length >= before + 3);
    const root = receiver.spans.slice(before).find(({ kind }) => kind === 'SERVER')!;
    expect(root.parentSpanId).toBe('');
    expect(root.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  test('is counted, span by span', async () => {
    await until(async () => (await outcome(server, 'exported')) === receiver.spans.length);
    expect(await outcome(server, 'dropped')).toBe(0);
    expect(await outcome(server, 'failed')).toBe(0);
  });
});

test(
  'what was collected leaves when the server is stopped; by a ratio of nothing it is what callers sampled',
  async () => {
    const receiver = new OtlpReceiver();
    await receiver.start();
    const server = await startServer(receiver.url, {
      ...{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      ...{ OTEL_BSP_SCHEDULE_DELAY: '3600000', LIMBECK_DRAIN_SECONDS: '8' },
    });
    const { id, headers } = callersTrace();
    await infer(server);
    await infer(server, headers);
    await server.stop();
    expect(server.child.exitCode).toBe(0);
    expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(new Set([id]));
    expect(receiver.spans).toHaveLength(3);
    await receiver.stop();
  },
  startLimitMs,
);

describe('a collector that fails', () => {
  test(
    'by saying nothing costs spans, which are counted, and neither an answer nor an orderly end',
    async () => {
      const receiver = new OtlpReceiver();
      await receiver.start();
      receiver.fallSilent();
      const queue = { OTEL_BSP_MAX_QUEUE_SIZE: '8', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4' };
      // Sent as soon as there are four, and by no timer.
      const delay = { OTEL_BSP_SCHEDULE_DELAY: '3600000' };
      const server = await startServer(receiver.url, { ...queue, ...delay, LIMBECK_DRAIN_SECONDS: '8' });
      const answers = await Promise.all(Array.from({ length: 40 }, () => infer(server)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      // Each request has three spans: at most one batch is under way and eight spans wait.
      await until(async () => (await outcome(server, 'dropped')) === 40 * 3 - 4 - 8);
      server.child.kill('SIGTERM');
      expect(await once(server.child, 'exit')).toEqual([0, null]);
      await receiver.stop();
    },
    startLimitMs,
  );

  test(
    'by not being there costs spans, which are counted, and nothing else',
    async () => {
      const server = await startServer(`http://127.0.0.1:${await freePort()}`, {
        ...{ OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_BSP_SCHEDULE_DELAY: '10' },
      });
      expect((await infer(server)).status).toBe(200);
      await until(async () => (await outcome(server, 'failed')) === 3);
      expect((await infer(server)).status).toBe(200);
      await server.stop();
      expect(server.child.exitCode).toBe(0);
    },
    startLimitMs,
  );
});
