import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { echoArtefact, echoTokenizer } from '../../../support/echo-artefact.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { onnxModel, type Graph } from '../../../support/onnx-model.ts';
import {
  houseTable,
  manifested,
  meanOfColumns,
  meanOfRows,
  meanOfTokens,
  shortText,
  smallPicture,
} from '../../../support/sample-models.ts';

const picture = (name: string): Blob =>
  new Blob([new Uint8Array(readFileSync(new URL(`../../../golden/pictures/${name}`, import.meta.url)))]);

const single: Graph = {
  ...meanOfColumns,
  inputs: [{ name: 'x', type: 'FP32', shape: [1, 2] }],
  outputs: [{ name: 'y', type: 'FP32', shape: [1, 1] }],
};
type Body = NonNullable<RequestInit['body']>;

let server: LiveServer;

beforeAll(async () => {
  const files = {
    ...manifested('pictures', meanOfRows, { labels: ['upper', 'lower'], preprocessing: smallPicture }),
    ...manifested('table', meanOfColumns, { preprocessing: houseTable }),
    ...manifested('single', single, { preprocessing: houseTable }),
    ...manifested('texts', meanOfTokens, { preprocessing: shortText }),
    'texts/tokenizer.json': JSON.stringify(echoTokenizer),
    'bare/model.onnx': onnxModel(meanOfColumns),
    ...echoArtefact(),
  };
  server = await serveModels(files, { maxBodyBytes: 16 << 20, maxBodiesBytes: 256 << 20 });
});

afterAll(() => server.stop());

const post = (model: string, body: Body, type?: string): Promise<Response> =>
  fetch(`${server.url}/v2/models/${model}/predict`, {
    method: 'POST',
    body,
    ...(type !== undefined && { headers: { 'Content-Type': type } }),
  });

async function predictions(answer: Promise<Response>): Promise<readonly Record<string, unknown>[]> {
  const response = await answer;
  const document = (await response.json()) as { predictions: readonly Record<string, unknown>[] };
  expect([response.status, document]).toEqual([200, expect.objectContaining({ model_version: '1' })]);
  return document.predictions;
}

describe('pictures', () => {
  const form = (...names: readonly string[]): FormData => {
    const data = new FormData();
    for (const name of names) data.append('image', picture(name), name);
    return data;
  };

  test('come in a form, as curl -F sends them', async () => {
    const found = await predictions(post('pictures', form('grey.png')));
    expect(found).toEqual([
      {
        label: expect.stringMatching(/upper|lower/),
        probability: expect.any(Number),
        classes: [expect.any(Object), expect.any(Object)],
      },
    ]);
  });

  test('come alone or in JSON, and are answered alike and in their order', async () => {
    const names = ['grey.png', 'photo.jpg', 'grey.png'];
    const together = await predictions(post('pictures', form(...names)));
    const alone = await Promise.all(names.map((name) => predictions(post('pictures', picture(name), 'image/png'))));
    expect(together).toEqual(alone.flat());
    const images = await Promise.all(
      names.map(async (name) => Buffer.from(await picture(name).arrayBuffer()).toString('base64')),
    );
    expect(await predictions(post('pictures', JSON.stringify({ images }), 'application/json'))).toEqual(together);
  });
});

describe('rows of a table', () => {
  test.each<[string, Body, string]>([
    ['as CSV with a header', 'city,age\nOslo,5\nBergen,2\n', 'text/csv'],
    ['as CSV without one', '5,Oslo\n2,Bergen', 'text/csv; charset=utf-8'],
    ['as curl sends what it is told nothing about', '5,Oslo\n2,Bergen', 'application/x-www-form-urlencoded'],
    ['as JSON', '{"rows": [{"age": 5, "city": "Oslo"}, {"city": "Bergen", "age": 2}]}', 'application/json'],
    [
      'as JSON that curl is told nothing about',
      '{"rows": [{"age": 5, "city": "Oslo"}, {"city": "Bergen", "age": 2}]}',
      '',
    ],
  ])('%s', async (_name, body, type) => {
    expect(await predictions(post('table', body, type))).toEqual([{ value: 3 }, { value: 1 }]);
    expect(await predictions(post('single', body, type))).toEqual([{ value: 3 }, { value: 1 }]);
  });

  test('more than a model is asked about at once', async () => {
    const csv = Array.from({ length: 600 }, (_, age) => `${age},Bergen`).join('\n');
    const found = await predictions(post('table', csv, 'text/csv'));
    expect(found).toEqual(Array.from({ length: 600 }, (_, age) => ({ value: age / 2 })));
  });
});

test('texts are cut and filled up', async () => {
  const answer = predictions(post('texts', JSON.stringify({ texts: ['a', 'aab', 'aaaa', 'bbbbaaaa', ''] }), ''));
  expect(await answer).toEqual([0.25, 0.5, 1, 0, 0].map((value) => ({ value })));
  expect(await predictions(post('texts', 'a'.repeat(100_000), 'text/plain'))).toEqual([{ value: 1 }]);
});

test('as many classes are told as are asked for', async () => {
  const answer = await fetch(`${server.url}/v2/models/pictures/versions/1/predict?top=1`, {
    method: 'POST',
    body: picture('grey.png'),
  });
  expect(await answer.json()).toMatchObject({ predictions: [{ classes: [expect.any(Object)] }] });
});

describe('refused are', () => {
  const empty = new FormData();
  const multipart = 'multipart/form-data; boundary=B';
  const part = (name: string): string => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`;

  test.each<[string, string, Body, string | undefined, string]>([
    ['a model without preprocessing', 'bare', '1,2', 'text/csv', 'only tensors can be sent, to /v2/models/bare/infer'],
    ['a language model', 'echo', 'a', 'text/plain', '/v1/completions'],
    ['what is no picture', 'pictures', 'hello', 'image/png', 'image 1 is neither a PNG nor a JPEG'],
    ['a form without a part', 'pictures', empty, undefined, 'there is no sample in the body'],
    ['a form that is none', 'pictures', 'x', 'multipart/form-data; boundary=y', 'no multipart/form-data'],
    [
      'a form that is cut off',
      'pictures',
      `${part('image"; filename="a.png')}PNG`,
      multipart,
      'no multipart/form-data',
    ],
    ['an option as a part', 'pictures', `${part('top')}3\r\n--B--\r\n`, multipart, 'into the address: ?top=3'],
    ['a form without a boundary', 'pictures', 'x', 'multipart/form-data', 'no multipart/form-data'],
    ['no body', 'table', '', 'text/csv', 'there is no sample in the body'],
    ['a header alone', 'table', 'age,city\n', 'text/csv', 'there is no sample in the body'],
    ['no UTF-8', 'table', Uint8Array.of(0xff), 'text/csv', 'not UTF-8'],
    ['JSON that is none', 'table', '{"rows"', 'application/json', 'not JSON'],
    ['a list', 'table', '[]', 'application/json', 'not an object'],
    ['pictures for a table', 'table', '{"images": []}', '', 'the body must be {"rows": [...]}'],
    ['numbers for texts', 'texts', '{"texts": [1]}', '', "'texts' is not a list of strings"],
    ['half a letter', 'texts', '{"texts": ["\\ud83d"]}', '', "'texts' is not a list of strings that are UTF-8"],
    ['an unknown category', 'table', '1,Rome', 'text/csv', `'city' is "Rome" in row 1`],
  ])('%s', async (_name, model, body, type, sentence) => {
    const response = await post(model, body, type);
    expect([response.status, await response.json()]).toEqual([400, { error: expect.stringContaining(sentence) }]);
  });

  test.each(['0', '-1', 'all', '1.5'])('top=%s', async (top) => {
    const response = await fetch(`${server.url}/v2/models/table/predict?top=${top}`, {
      method: 'POST',
      body: '1,Oslo',
    });
    expect(response.status).toBe(400);
  });

  test('unknown models, other methods and what is too large for memory', async () => {
    expect((await post('nobody', '1,2')).status).toBe(404);
    expect((await fetch(`${server.url}/v2/models/table/predict`)).status).toBe(405);
    const many = JSON.stringify({ texts: new Array<string>(2_200_000).fill('') });
    expect(await (await post('texts', many, 'application/json')).json()).toEqual({
      error: expect.stringContaining('send them in several requests'),
    });
  });
});

describe('samples that take more than their body', () => {
  const large: Graph = {
    ...meanOfRows,
    inputs: [{ name: 'image', type: 'FP32', shape: ['batch', 1, 256, 256] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['image'], outputs: ['m'], attributes: { axes: [3], keepdims: 0 } },
      { op: 'ReduceMean', inputs: ['m'], outputs: ['y'], attributes: { axes: [2], keepdims: 0 } },
    ],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  };
  const preprocessing = { ...smallPicture, height: 256, width: 256 };
  const limits = { maxBodyBytes: 1 << 20, maxBodiesBytes: 1 << 20 };

  test('count as what they are, and give it back', async () => {
    const narrow = await serveModels(manifested('large', large, { preprocessing }), limits);
    const image = readFileSync(new URL('../../../golden/pictures/grey.png', import.meta.url)).toString('base64');
    const asked = (count: number): Promise<Response> =>
      fetch(`${narrow.url}/v2/models/large/predict`, {
        ...{ method: 'POST', body: JSON.stringify({ images: Array<string>(count).fill(image) }) },
        headers: { 'Content-Type': 'application/json' },
      });
    const slow = new Socket();
    try {
      // Four of a quarter of a MiB each and their body are more than ever fits: no time is told to come again.
      const refused = await asked(4);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([413, null]);
      expect(await refused.json()).toEqual({ error: expect.stringContaining('take more than 1048576 bytes') });
      for (let round = 0; round < 2; round += 1) expect((await asked(3)).status).toBe(200);
      slow
        .connect(narrow.port, '127.0.0.1')
        .write('POST /v2/models/large/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n');
      slow.write(Buffer.alloc(450_000));
      // One has room beside it, whichever comes first; when it is answered the other is there.
      expect((await asked(1)).status).toBe(200);
      await until(async () => (await asked(3)).status === 503);
      expect([(await asked(3)).headers.get('retry-after'), (await asked(1)).status]).toEqual(['1', 200]);
    } finally {
      slow.destroy();
      await narrow.stop();
    }
  });
});

describe('a manifest whose preprocessing the model does not fit', () => {
  test.each<[string, Readonly<Record<string, Buffer | string>>, string]>([
    [
      'another shape',
      manifested('m', single, { preprocessing: smallPicture }),
      "makes [1,2,4] of a sample, 'x' takes [2]",
    ],
    [
      'no tokenizer',
      manifested('m', meanOfTokens, { preprocessing: shortText }),
      'needs tokenizer.json beside model.onnx',
    ],
    [
      'a word that is unknown',
      manifested('m', meanOfColumns, { preprocessing: { kind: 'sound' } }),
      'preprocessing.kind is none of',
    ],
    ['outputs that are something else', manifested('m', meanOfColumns, { outputsAre: 'odds' }), 'outputsAre is not'],
  ])('is not served: %s', async (_name, files, sentence) => {
    const broken = await serveModels(files, { wait: false });
    try {
      for (;;) {
        const ready = (await (await fetch(`${broken.url}/v2/models/m/ready`)).json()) as {
          reason?: string;
          error?: string;
        };
        if (ready.reason === 'Loading') continue;
        expect(ready.error).toContain(sentence);
        break;
      }
    } finally {
      await broken.stop();
    }
  });
});
