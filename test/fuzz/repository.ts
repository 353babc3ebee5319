/** Loads and unloads of models that are whole, half, or not what their manifest says, and whatever comes with the request. */
import { writeFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { identityModel, mlpModel } from '../support/onnx-model.ts';
import { anyText, nested, often, type Attack } from './arbitrary.ts';

const whole = identityModel('FP32');
const files: Readonly<Record<string, Buffer | string>> = {
  'coming/1/model.onnx': whole,
  'coming/2/model.onnx': whole,
  'half/model.onnx': mlpModel([4, 8, 3]).subarray(0, 90),
  'torn/1/model.onnx': whole,
  'torn/2/model.onnx': whole.subarray(0, 60),
  'empty/notes.txt': '',
  'lying/model.onnx': whole,
  'lying/manifest.json': JSON.stringify({ manifestVersion: 'v1', sha256: '0'.repeat(64), sizeBytes: 1 }),
  'odd/model.onnx': whole,
  'odd/manifest.json': '{"manifestVersion":',
};

/** Puts models beside those that are served, of which one of the names can be loaded. */
export async function addComers(folder: string): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

const name = often<string>(
  fc.constant('coming'),
  fc.constantFrom('half', 'torn', 'empty', 'lying', 'odd'),
  fc.constantFrom('nobody', '..', '%2e%2e', '__proto__', ''),
);
const parameters = fc.record(
  {
    unload_dependents: often<unknown>(fc.boolean(), nested),
    config: often<unknown>(fc.constant('{}'), nested),
    'file:1/model.onnx': anyText,
  },
  { requiredKeys: [] },
);
const told = often<unknown>(
  fc.constant({}),
  fc.record({ parameters: often<unknown>(parameters, nested) }, { requiredKeys: [] }),
  fc.record({ ready: often<unknown>(fc.boolean(), nested) }, { requiredKeys: [] }),
  nested,
);
const input = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };

const posted = (path: fc.Arbitrary<string>, body: fc.Arbitrary<unknown>): fc.Arbitrary<Attack> =>
  fc.record({
    method: fc.constant('POST'),
    path,
    headers: fc.constant({}),
    body: body.map((value) => Buffer.from(JSON.stringify(value))),
  });

/** Comes, goes, and is asked meanwhile. */
export const repositoryAttack: fc.Arbitrary<Attack> = fc.oneof(
  posted(
    fc
      .tuple(name, fc.constantFrom('load', 'load', 'unload'))
      .map(([found, verb]) => `/v2/repository/models/${found}/${verb}`),
    told,
  ),
  posted(fc.constant('/v2/repository/index'), told),
  posted(
    name.map((found) => `/v2/models/${found}/infer`),
    fc.constant({ inputs: [input] }),
  ),
);
