/** Sends one case and compares what comes back; knows the protocol's wire, and nothing of any server. */
import { deflateSync, gzipSync } from 'node:zlib';
import type { Body, Case, CaseRequest, Expected } from './case.ts';

/** An answer, read to its end. */
export interface Reply {
  readonly status: number;
  /** Of the JSON part. */
  readonly text: string;
  readonly json: unknown;
  readonly tail: Buffer;
}

const lengthHeader = 'Inference-Header-Content-Length';

function encoded(body: Body): { bytes: Buffer; headers: Record<string, string> } {
  switch (body.kind) {
    case 'json':
      return { bytes: Buffer.from(JSON.stringify(body.value)), headers: { 'Content-Type': 'application/json' } };
    case 'text':
      return { bytes: Buffer.from(body.text), headers: {} };
    case 'raw':
      return { bytes: body.bytes, headers: { [lengthHeader]: '0' } };
    case 'binary': {
      const head = Buffer.from(JSON.stringify(body.head));
      const length = String(body.headLength ?? head.length);
      return { bytes: Buffer.concat([head, body.tail]), headers: { [lengthHeader]: length } };
    }
    default:
      return body satisfies never;
  }
}

/** Sends a request. Bytes, not text: a body of text would be given a Content-Type that its sender did not choose. */
export async function send(url: string, { method, path, headers = {}, body, coding }: CaseRequest): Promise<Reply> {
  const sent = body && encoded(body);
  const packed = sent && (coding === undefined ? sent.bytes : (coding === 'gzip' ? gzipSync : deflateSync)(sent.bytes));
  const response = await fetch(url.replace(/\/$/, '') + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...sent?.headers, ...(coding && { 'Content-Encoding': coding }), ...headers },
    ...(packed && { body: new Uint8Array(packed) }),
    signal: AbortSignal.timeout(30_000),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get(lengthHeader) ?? bytes.length);
  const text = bytes.subarray(0, length).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, text, json, tail: bytes.subarray(length) };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where `found` lacks what `wanted` has; undefined when it has all of it. */
export function lacking(wanted: unknown, found: unknown, path = 'the answer'): string | undefined {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found) || found.length !== wanted.length) return differs(path, wanted, found);
    return firstOf(wanted.map((value, index) => lacking(value, found[index], `${path}[${index}]`)));
  }
  if (isObject(wanted)) {
    if (!isObject(found)) return differs(path, wanted, found);
    return firstOf(Object.entries(wanted).map(([key, value]) => lacking(value, found[key], `${path}.${key}`)));
  }
  return Object.is(wanted, found) ? undefined : differs(path, wanted, found);
}

const firstOf = (sentences: readonly (string | undefined)[]): string | undefined =>
  sentences.find((sentence) => sentence !== undefined);

const differs = (path: string, wanted: unknown, found: unknown): string =>
  `${path} is ${found === undefined ? 'missing' : JSON.stringify(found).slice(0, 200)} and should be ${JSON.stringify(wanted).slice(0, 200)}`;

function statusFault({ status }: Expected, reply: Reply): string | undefined {
  if (status !== 'mistake') {
    return reply.status === status
      ? undefined
      : `status ${reply.status} instead of ${status}: ${reply.text.slice(0, 200)}`;
  }
  if (reply.status < 400 || reply.status > 499) {
    return `status ${reply.status}, although the mistake is the caller's: ${reply.text.slice(0, 200)}`;
  }
  const sentence = isObject(reply.json) ? reply.json['error'] : undefined;
  return typeof sentence === 'string' && sentence !== ''
    ? undefined
    : `no {"error": "<sentence>"}: ${reply.text.slice(0, 200)}`;
}

function floatsFault(wanted: readonly number[], tail: Buffer): string | undefined {
  if (tail.length !== wanted.length * 4) return `${tail.length} bytes of floats instead of ${wanted.length * 4}`;
  const found = wanted.map((_, index) => tail.readFloatLE(index * 4));
  const near = found.every((value, index) => Math.abs(value - (wanted[index] ?? NaN)) <= 1e-5);
  return near ? undefined : `the floats are ${found.join()} and should be ${wanted.join()}`;
}

/** What is wrong with a reply; undefined when nothing is. */
export function faultOf(expected: Expected, reply: Reply): string | undefined {
  return (
    statusFault(expected, reply) ??
    lacking(expected.json ?? {}, expected.json === undefined ? {} : reply.json) ??
    (expected.text === undefined || reply.text.includes(expected.text)
      ? undefined
      : `the answer lacks ${expected.text}: ${reply.text.slice(0, 200)}`) ??
    (expected.tail === undefined || expected.tail.equals(reply.tail)
      ? undefined
      : `the bytes are ${reply.tail.toString('hex').slice(0, 80)} and should be ${expected.tail.toString('hex').slice(0, 80)}`) ??
    (expected.floats === undefined ? undefined : floatsFault(expected.floats, reply.tail))
  );
}

/** Runs one case; undefined when the server keeps it. A server that goes silent or away does not. */
export async function run(url: string, { request, expected }: Case): Promise<string | undefined> {
  try {
    return faultOf(expected, await send(url, request));
  } catch (error) {
    return `no answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}
