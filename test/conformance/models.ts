/** The models that the cases speak to, as files of a repository that most servers read: name/version/model.onnx. */
import { gatherModel, identityModel, mlpModel, onnxModel, type ElementType } from '../support/onnx-model.ts';

/** Every datatype for which there is an identity model `id_<datatype>`: y = x, both [batch, width]. */
export const datatypes = [
  'BOOL',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const satisfies readonly ElementType[];

const pair = (name: string) => ({ name, type: 'FP32' as const, shape: ['batch', 2] });

/** sum = a + b, difference = a - b; all [batch, 2]. */
const arithmetic = onnxModel({
  inputs: [pair('a'), pair('b')],
  outputs: [pair('sum'), pair('difference')],
  nodes: [
    { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
    { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
  ],
});

/** Path → bytes. `mlp` is x [batch, 4] → logits [batch, 3]; `two_versions` is y = x twice. */
export function conformanceModels(): Readonly<Record<string, Buffer>> {
  const identities = datatypes.map((type) => [`id_${type}/1/model.onnx`, identityModel(type)] as const);
  return {
    ...Object.fromEntries(identities),
    'mlp/1/model.onnx': mlpModel([4, 8, 3]),
    'arithmetic/1/model.onnx': arithmetic,
    'gather/1/model.onnx': gatherModel(),
    'two_versions/1/model.onnx': identityModel('FP32'),
    'two_versions/2/model.onnx': identityModel('FP32'),
    'cube/1/model.onnx': identityModel('FP32', ['batch', 2, 3]),
  };
}
