/** The files beside the echo model: manifest, tokenizer, chat template. */
import { createHash } from 'node:crypto';
import { concatEchoModel, contextLength, endToken, heads, layers, splitEchoModel, vocabulary } from './echo-decoder.ts';

/** The letters by which byte-level vocabularies spell bytes. */
function byteLetters(): readonly string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    if (isPrintable(byte)) return String.fromCodePoint(byte);
    next += 1;
    return String.fromCodePoint(next - 1);
  });
}

const special = (id: number, content: string) => {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
};

/** tokenizer.json: every byte is a token. */
export const echoTokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [special(endToken, '<end>'), special(257, '<user>'), special(258, '<bot>')],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(byteLetters().map((letter, byte) => [letter, byte])),
    merges: [],
  },
};

/** tokenizer_config.json. The template's prompt ends with <bot>, of which the model knows nothing: it echoes all the same. */
export const echoTokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  eos_token: '<end>',
  chat_template:
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}" +
    "{% if m.role == 'user' %}<user>{% endif %}{{ m.content }}{% endfor %}" +
    '{% if add_generation_prompt %}<bot>{% endif %}',
};

const decoder = {
  contract: 'split-v1',
  ...{ layers, heads, headDim: 260, vocabulary, contextLength, endTokens: [endToken] },
};

function tensor(name: string, datatype: string, shape: readonly number[]) {
  return { name, datatype, shape };
}

const cache = (prefix: string, layer: number): readonly object[] => [
  tensor(`${prefix}.${layer}.key`, 'FP32', [-1, heads, 260, -1]),
  tensor(`${prefix}.${layer}.value`, 'FP32', [-1, heads, -1, 260]),
];

/** The manifest of some model bytes that have the echo model's sizes. */
function echoManifest(model: Buffer, changes: object = {}): string {
  const caches = (prefix: string) => Array.from({ length: layers }, (_, layer) => cache(prefix, layer)).flat();
  return JSON.stringify({
    manifestVersion: 'v1',
    sha256: createHash('sha256').update(model).digest('hex'),
    sizeBytes: model.length,
    opset: 17,
    task: 'causalLM',
    inputs: [
      tensor('input_ids', 'INT64', [-1, -1]),
      tensor('position_ids', 'INT64', [-1, -1]),
      tensor('last', 'INT64', [-1]),
      tensor('bias', 'FP32', [-1, 1, -1, -1]),
      ...caches('past'),
    ],
    outputs: [tensor('logits', 'FP32', [-1, vocabulary]), ...caches('new')],
    decoder: { ...decoder, ...changes },
  });
}

/** The artefact under a model's name, for a folder of models. */
export function echoArtefact(name = 'echo', changes: object = {}): Readonly<Record<string, Buffer | string>> {
  const model = splitEchoModel();
  return {
    [`${name}/model.onnx`]: model,
    [`${name}/manifest.json`]: echoManifest(model, changes),
    [`${name}/tokenizer.json`]: JSON.stringify(echoTokenizer),
    [`${name}/tokenizer_config.json`]: JSON.stringify(echoTokenizerConfig),
  };
}

/** The same model as a common exporter leaves it: without a manifest, with a config.json. */
export function foreignArtefact(name = 'foreign'): Readonly<Record<string, Buffer | string>> {
  return {
    [`${name}/model.onnx`]: concatEchoModel(),
    [`${name}/config.json`]: JSON.stringify({ n_positions: contextLength, eos_token_id: endToken }),
    [`${name}/tokenizer.json`]: JSON.stringify(echoTokenizer),
    [`${name}/tokenizer_config.json`]: JSON.stringify(echoTokenizerConfig),
  };
}
