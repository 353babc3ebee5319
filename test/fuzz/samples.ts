/** Pictures, forms and rows of a table as people send them, right in most places and damaged in some. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { echoTokenizer } from '../support/echo-artefact.ts';
import {
  houseTable,
  manifested,
  meanOfColumns,
  meanOfRows,
  meanOfTokens,
  shortText,
  smallPicture,
} from '../support/sample-models.ts';
import { anyText, damaged, nested, often, type Attack } from './arbitrary.ts';

/** A model of pictures, one of tables, and one of texts. */
export const sampleModels = (): Record<string, Buffer | string> => ({
  ...manifested('pictures', meanOfRows, { labels: ['upper', 'lower'], preprocessing: smallPicture }),
  ...manifested('table', meanOfColumns, { preprocessing: houseTable }),
  ...manifested('texts', meanOfTokens, { preprocessing: shortText }),
  'texts/tokenizer.json': JSON.stringify(echoTokenizer),
});

const files = ['grey.png', 'photo.jpg'].map((name) => readFileSync(`test/golden/pictures/${name}`));
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
/** Many digits, which are a number or not. */
const digits = fc
  .tuple(fc.constantFrom('', '-', '.', '1e'), fc.constantFrom(20, 2000, 200_000), fc.constantFrom('', 'x', '.', 'e'))
  .map(([head, times, tail]) => head + '1'.repeat(times) + tail);
const cell = often<string>(fc.oneof(fc.double().map(String), anyText), digits);
const csv = fc.array(fc.array(cell, { maxLength: 4 }), { maxLength: 4 });
const records = fc.array(fc.record({ age: cell, city: often<string>(fc.constant('Oslo'), cell) }), { maxLength: 3 });
const content = fc.oneof(
  fc.constantFrom(...files).chain(damaged),
  csv.map((rows) => Buffer.from(rows.map((row) => row.join(',')).join('\n'))),
  // Longer than the model's context, and than what is read at once.
  fc
    .tuple(fc.string({ unit: 'binary' }), fc.constantFrom(1, 20, 2000))
    .map(([text, times]) => Buffer.from(text.repeat(times))),
  bytes,
);

const disposition = often<string>(
  fc.constantFrom('form-data; name="image"; filename="a.png"', 'form-data; name="row"', 'form-data; name="top"'),
  fc.constantFrom('form-data', 'attachment', 'form-data; name=', 'form-data; name="__proto__"; filename*=x'),
  anyText,
);
const part = fc
  .tuple(disposition, content)
  .map(([said, held]) => Buffer.concat([Buffer.from(`--B\r\nContent-Disposition: ${said}\r\n\r\n`), held]));
const form = fc
  .array(part, { minLength: 1, maxLength: 3 })
  .map((parts) => Buffer.concat([...parts.flatMap((one) => [one, Buffer.from('\r\n')]), Buffer.from('--B--\r\n')]));

const texts = often<unknown>(fc.array(often<unknown>(anyText, nested), { maxLength: 3 }), nested);
const json = fc.record(
  { rows: often<unknown>(records, nested), images: nested, texts, top: nested },
  { requiredKeys: [] },
);
const body = fc.oneof(
  form.chain(damaged),
  content,
  json.chain((value) => damaged(Buffer.from(JSON.stringify(value)))),
);

const multipart = 'multipart/form-data; boundary=B';
const type = often<string>(
  fc.constant(multipart),
  fc.constantFrom(
    '',
    'image/png',
    'text/csv',
    'text/plain',
    'application/json',
    'multipart/form-data',
    'multipart/form-data; boundary=',
  ),
);
const question = often<string>(fc.constant(''), fc.constantFrom('?top=2', '?top=0', '?top=1e9', '?top=1&top=2'));
const model = often<string>(fc.constantFrom('pictures', 'table', 'texts'), fc.constantFrom('mlp', 'echo', 'nobody'));

const anything: fc.Arbitrary<Attack> = fc.record({
  method: fc.constant('POST'),
  path: fc.tuple(model, question).map(([found, rest]) => `/v2/models/${found}/predict${rest}`),
  headers: type.map((found) => (found === '' ? {} : { 'content-type': found })),
  body,
});

/** Rows with a right head: what goes wrong then does in their cells. */
const rows: fc.Arbitrary<Attack> = fc
  .oneof(
    records.map((given) => ['application/json', JSON.stringify({ rows: given })] as const),
    csv.map((given) => ['text/csv', given.map((row) => row.join(',')).join('\n')] as const),
  )
  .map(([kind, given]) => ({
    ...{ method: 'POST', path: '/v2/models/table/predict', headers: { 'content-type': kind } },
    body: Buffer.from(given),
  }));

/** POST to the path that takes what people have. */
export const sampleAttack: fc.Arbitrary<Attack> = often(anything, rows);
