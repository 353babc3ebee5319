/** The CEL rules of single kinds of models, told again for the generator. */
import { asJson, gatesOf, hasFormat, isIn, number, type CrossRule, type Json } from './looks.ts';

/** Of language models: they learn from text alone, and are transformers or pretrained. */
const isLanguage = ({ task }: Json): boolean => task === 'causalLM';
const isOf = ({ model }: Json, kind: string): boolean => kind in asJson(model);
const isOfTexts = (spec: Json): boolean => isOf(spec, 'transformer') || isOf(spec, 'pretrained');
const readsText = (spec: Json): boolean => isLanguage(spec) || isOfTexts(spec);
const columnsOf = ({ data }: Json): Json => asJson(asJson(data)['columns']);

export const languageRules: readonly CrossRule[] = [
  [
    'the task causalLM is for',
    (spec) =>
      isLanguage(spec) ? isOfTexts(spec) || isOf(spec, 'custom') : spec['task'] !== 'regression' || !isOfTexts(spec),
  ],
  [
    'a language model learns from text alone',
    (spec) => {
      const data = asJson(spec['data']);
      return (
        !isLanguage(spec) ||
        !('builtin' in asJson(data['source']) || ['labels', 'image', 'stream'].some((name) => name in data))
      );
    },
  ],
  [
    'a language model learns from the format',
    (spec) => !isLanguage(spec) || !hasFormat(asJson(spec['data']), 'npz', 'images'),
  ],
  ['the format text is for', (spec) => readsText(spec) || !hasFormat(asJson(spec['data']), 'text')],
  [
    'a language model reads the column',
    (spec) => !isLanguage(spec) || !['target', 'features', 'categorical'].some((name) => name in columnsOf(spec)),
  ],
  ['columns.text is for', (spec) => readsText(spec) || !('text' in columnsOf(spec))],
  [
    'a transformer classifies texts',
    (spec) => {
      const data = asJson(spec['data']);
      return (
        spec['task'] !== 'classification' ||
        !isOfTexts(spec) ||
        !(
          'builtin' in asJson(data['source']) ||
          hasFormat(data, 'npz', 'images') ||
          ['image', 'stream'].some((name) => name in data) ||
          ['features', 'categorical'].some((name) => name in columnsOf(spec))
        )
      );
    },
  ],
  [
    'of a language model the perplexity',
    (spec) => !isLanguage(spec) || gatesOf(spec).every((gate) => isIn(['perplexity'], gate)),
  ],
  [
    'the numbers in which weights are served',
    (spec) =>
      isLanguage(spec) ||
      !['transformer', 'pretrained'].some((kind) => 'weights' in asJson(asJson(spec['model'])[kind])),
  ],
  ['width must be a multiple', ({ width, heads }) => number(width) % number(heads) === 0],
  ['this is too large', ({ layers, width }) => number(layers) * number(width) ** 2 <= 33554432],
];

/** Of a program of the user's: it reads its data and divides its work itself. */
export const customRules: readonly CrossRule[] = [
  ['the source none is for', (spec) => isOf(spec, 'custom') || !('none' in asJson(asJson(spec['data'])['source']))],
  [
    'a custom model reads its data',
    (spec) => {
      const data = asJson(spec['data']);
      return (
        !isOf(spec, 'custom') ||
        !(
          'builtin' in asJson(data['source']) ||
          ['format', 'columns', 'labels', 'image', 'stream'].some((name) => name in data)
        )
      );
    },
  ],
  [
    'a custom model divides its work',
    (spec) => {
      const { processesPerWorker, strategy } = asJson(spec['distribution']);
      return !isOf(spec, 'custom') || (number(processesPerWorker) === 1 && strategy === 'auto');
    },
  ],
];
