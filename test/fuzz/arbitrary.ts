/** Requests that nobody should send: right in most places and wrong in some, or wrong all over. */
import fc from 'fast-check';
import { datatypes } from '../conformance/models.ts';

/** One request as it goes out. */
export interface Attack {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Mostly the usual. */
export const often = <T>(usual: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight: 4 }, ...others.map((arbitrary) => ({ arbitrary, weight: 1 })));

const identities = datatypes.map((type) => `id_${type}`);
const models = [...identities, 'mlp', 'arithmetic', 'gather', 'two_versions', 'cube'];
export const anyText = fc.string({ unit: 'binary', maxLength: 20 });
const model = often<string>(
  fc.constantFrom(...models),
  fc.constantFrom('nobody', '..', '%2e%2e', '%', '__proto__', ''),
);

/** Numbers at which arithmetic of sizes goes wrong. */
const edges = [0, -0, -1, 1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 0.5, 3.5e38, 65_504, 70_000];
const number = often<unknown>(fc.integer({ min: -3, max: 6 }), fc.constantFrom(...edges), fc.double());
const scalar = often<unknown>(number, fc.boolean(), anyText, fc.constant(null));
/** What JavaScript asks of an object by itself, such as to make text of it. */
const member = fc.constantFrom('toString', 'valueOf', 'toJSON', 'then', 'length', 'constructor', '__proto__');
/** Any JSON value. */
export const nested = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(member, tie('value'), { maxKeys: 2 }),
  ),
})).value;

const dimension = often<unknown>(fc.integer({ min: 0, max: 4 }), fc.constantFrom(...edges, -1, '1', null));
const shape = often<unknown>(
  fc.array(dimension, { maxLength: 4 }),
  fc.array(fc.constantFrom(1, 2, 3, 4), { maxLength: 3 }),
  nested,
);
const datatype = often<unknown>(
  fc.constantFrom(...datatypes),
  fc.constantFrom<unknown>('BF16', 'fp32', 'constructor', 7, { toString: 7 }),
);
const name = often<unknown>(fc.constantFrom('x', 'y', 'a', 'b', 'sum', 'difference'), anyText, nested);
const explaining = {
  ...{ method: often<unknown>(fc.constantFrom('occlusion', 'integrated'), scalar), steps: number, target: nested },
  ...{ input: name, output: name, baseline: nested, patch: nested },
};
const parameters = often<unknown>(
  fc.record({ binary_data_size: number, binary_data: scalar, priority: scalar, timeout: number }, { requiredKeys: [] }),
  fc.record(explaining, { requiredKeys: [] }),
  nested,
  fc.dictionary(anyText, nested, { maxKeys: 3 }),
);
const data = often<unknown>(
  fc.array(scalar, { maxLength: 24 }),
  nested,
  fc.dictionary(anyText, scalar, { maxKeys: 3 }),
);

const tensor = often<unknown>(
  fc.record({ name, datatype, shape, data, parameters }, { requiredKeys: ['name', 'datatype', 'shape'] }),
  nested,
);

/** Right by itself: what goes wrong then goes wrong further in. */
const sound = fc
  .record({
    type: fc.constantFrom(...datatypes),
    rows: fc.integer({ min: 0, max: 3 }),
    width: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ type, rows, width }) =>
    fc.array(often<unknown>(scalar, nested), { minLength: rows * width, maxLength: rows * width }).map((values) => ({
      name: 'x',
      datatype: type,
      shape: [rows, width],
      data: values,
    })),
  );

const output = often<unknown>(fc.record({ name, parameters }, { requiredKeys: ['name'] }), nested);
const inference = fc.record(
  {
    inputs: often<unknown>(fc.array(fc.oneof(tensor, sound), { maxLength: 3 }), nested),
    outputs: often<unknown>(fc.array(output, { maxLength: 3 }), nested),
    id: often<unknown>(fc.string(), nested),
    parameters,
  },
  { requiredKeys: ['inputs'] },
);
const prediction = fc.record({ instances: nested, inputs: nested, signature_name: scalar }, { requiredKeys: [] });
const document = often<unknown>(inference, prediction, nested, fc.dictionary(anyText, nested, { maxKeys: 4 }));

/** Now and then with a byte changed or the end cut off, anywhere: few runs would else meet the very ends alone. */
export function damaged(whole: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.noBias(fc.nat({ max: Math.max(0, whole.length - 1) }));
  return often<Buffer>(
    fc.constant(whole),
    at.map((length) => whole.subarray(0, length)),
    fc.tuple(at, fc.nat(255)).map(([index, byte]) => {
      const changed = Buffer.from(whole);
      if (changed.length > 0) changed[index] = byte;
      return changed;
    }),
  );
}

/** Small, and deeper than anything that calls itself can follow. */
const deep = fc.tuple(fc.constantFrom(...datatypes), fc.integer({ min: 50, max: 8000 })).map(([type, levels]) => {
  const head = `{"inputs":[{"name":"x","datatype":"${type}","shape":[1,1],"data":`;
  return Buffer.from(`${head}${'['.repeat(levels)}1${']'.repeat(levels)}}]}`);
});

const text = often<Buffer>(
  document.chain((value) => damaged(Buffer.from(JSON.stringify(value)))),
  fc.constant(Buffer.from(`${'['.repeat(2000)}1`)),
  deep,
);
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
/** More than are passed over without a look. */
const blanks = fc
  .tuple(fc.constantFrom(' ', '\n', ' \t\r\n'), fc.constantFrom(20, 100_000))
  .map(([blank, times]) => Buffer.from(blank.repeat(times)));
const body = often<Buffer>(
  text,
  bytes,
  blanks,
  fc.tuple(blanks, text).map((parts) => Buffer.concat(parts)),
  fc.tuple(text, bytes).map((parts) => Buffer.concat(parts)),
  fc.constant(Buffer.alloc(0)),
);

const path = fc.oneof(
  { weight: 6, arbitrary: model.map((found) => `/v2/models/${found}/infer`) },
  { weight: 2, arbitrary: model.map((found) => `/v1/models/${found}:predict`) },
  { weight: 2, arbitrary: model.map((found) => `/v2/models/${found}/explain`) },
  fc
    .tuple(
      fc.constantFrom('/v2', '/v1', '/v2/repository', '/v2/health', '/metrics', ''),
      fc.array(
        often<string>(
          fc.constantFrom('models', 'versions', '1', '2', 'infer', 'config', 'stats', 'ready', 'index', 'load', 'live'),
          model,
        ),
        {
          maxLength: 5,
        },
      ),
    )
    .map(([head, rest]) => [head, ...rest].join('/') || '/'),
);

const header = <T extends string>(values: fc.Arbitrary<T>): fc.Arbitrary<string> =>
  often<string>(
    values,
    fc.constantFrom('', '-1', '1e9', '99999999999999999999', 'NaN', '0x10', '5 5', 'gzip, br', '*/*;q=x'),
  );
const headers = fc.record(
  {
    'inference-header-content-length': header(fc.nat({ max: 300 }).map(String)),
    'content-encoding': header(fc.constantFrom('gzip', 'deflate', 'identity', 'br')),
    'content-type': header(fc.constantFrom('application/json', 'application/octet-stream', 'text/plain')),
    'accept-encoding': header(fc.constantFrom('gzip', 'deflate', 'identity;q=0')),
    'x-request-id': header(fc.constantFrom('a', 'é')),
    'grpc-timeout': header(fc.constantFrom('1S', '5m', '0n', '99999999H', '1')),
    traceparent: header(fc.constant(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`)),
  },
  { requiredKeys: [] },
);

/** Well-formed HTTP with anything in it. */
export const attack: fc.Arbitrary<Attack> = fc.record({
  method: often<string>(fc.constant('POST'), fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH')),
  path,
  headers: often<Readonly<Record<string, string>>>(fc.constant({}), headers as fc.Arbitrary<Record<string, string>>),
  body,
});

/** What is hardly HTTP: a head that is wrong somewhere, and whatever bytes follow. */
export const rawBytes: fc.Arbitrary<Buffer> = fc
  .tuple(
    often<string>(fc.constantFrom('POST /v2/models/mlp/infer HTTP/1.1', 'GET / HTTP/1.0', 'PRI * HTTP/2.0'), anyText),
    fc.array(
      often<string>(
        fc.constantFrom(
          'Host: a',
          'Content-Length: 5',
          'Content-Length: -5',
          'Transfer-Encoding: chunked',
          'Expect: 100-continue',
        ),
        fc.constantFrom('Connection: upgrade', 'Upgrade: h2c', 'Content-Length: 99999999999999999999', ' folded'),
        anyText,
      ),
      { maxLength: 5 },
    ),
    bytes,
  )
  .map(([line, lines, rest]) => Buffer.concat([Buffer.from(`${[line, ...lines].join('\r\n')}\r\n\r\n`), rest]));

/** A field of a message that has a length: text, or a message itself. */
const field = (number: number, content: Buffer): Buffer => {
  const length = content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
};

/** Names as people of all countries write them, some longer than what is told of them. */
const grpcName = fc
  .string({ unit: fc.constantFrom('a', 'ä', '😀'), maxLength: 300, size: 'max' })
  .map((given) => field(1, Buffer.from(given)));

/** A message of gRPC: bytes at random, one that is right but for one byte, or one of names, of a model or of its input. */
export const grpcMessage = (right: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    bytes,
    grpcName,
    grpcName.map((named) => Buffer.concat([field(1, Buffer.from('mlp')), field(5, named)])),
    fc.tuple(fc.constantFrom(...right), fc.nat(), fc.nat(255)).map(([message, index, byte]) => {
      const changed = Buffer.from(message);
      if (changed.length > 0) changed[index % changed.length] = byte;
      return changed;
    }),
  );

/** A message with its frame before it: whether it is compressed, and how long it is. Mostly both are true. */
const framed = (message: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      often<number>(fc.constant(0), fc.constantFrom(1, 2, 255)),
      often<number>(fc.constant(message.length), fc.constantFrom(0, 1, message.length + 1, 2 ** 31, 2 ** 32 - 1)),
    )
    .map(([compressed, length]) => {
      const head = Buffer.alloc(5);
      head.writeUInt8(compressed);
      head.writeUInt32BE(length, 1);
      return Buffer.concat([head, message]);
    });

/** Cut somewhere, and sent in two. */
const inTwo = (whole: Buffer): fc.Arbitrary<readonly Buffer[]> =>
  fc.nat({ max: whole.length }).map((at) => [whole.subarray(0, at), whole.subarray(at)]);

/** A call whose frames or headers may lie. */
export const framedCall = (right: readonly Buffer[]) =>
  fc.record({
    method: often<string>(fc.constantFrom('ModelInfer', 'ModelReady', 'ServerLive'), fc.constantFrom('Nothing', '%')),
    headers: fc.record(
      {
        'grpc-encoding': often<string>(fc.constantFrom('identity', 'gzip'), fc.constantFrom('br', '', 'x')),
        'grpc-timeout': often<string>(fc.constantFrom('20S', '1H'), fc.constantFrom('', '1', '-1S', '999999999S')),
      },
      { requiredKeys: [] },
    ),
    pieces: fc
      .array(
        grpcMessage(right).chain((message) => framed(message)),
        { maxLength: 2 },
      )
      .chain((messages) => damaged(Buffer.concat(messages)).chain(inTwo)),
  });
