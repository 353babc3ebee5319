import { expect, test } from '@jest/globals';
import { slotBytes } from '../../../runtime/server/decoding/geometry.ts';
import { besideBytes } from '../../../runtime/server/decoding/language-model.ts';
import type { Demand } from '../../../runtime/server/demand.ts';
import { DecodingStatistics } from '../../../runtime/server/decoding/statistics.ts';
import { loadModel, type Load, type LoadOptions } from '../../../runtime/server/loader.ts';
import { Memory } from '../../../runtime/server/memory.ts';
import { folderSources } from '../../../runtime/server/repository.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { splitEchoModel } from '../../support/echo-decoder.ts';
import { folderWith, modelOptions } from '../../support/model-server.ts';
import { identityModel, mlpModel, onnxModel } from '../../support/onnx-model.ts';
import { quiet } from '../../support/quiet-log.ts';

const MiB = 2 ** 20;

/** Loads the only model of a folder, and closes it again. */
async function load(files: Parameters<typeof folderWith>[0], options: Partial<LoadOptions> = {}): Promise<Load> {
  const [source] = await folderSources(await folderWith(files));
  const memory = new Memory(options.memoryBytes ?? modelOptions.memoryBytes);
  const share = memory.enter({ name: 'm', idle: true, retiring: false }, 0, { replaced: [], mayEvict: false });
  const { signal } = new AbortController();
  const usual = {
    claim: (demand: Demand) => memory.claim(share, demand, signal),
    ...{ ...modelOptions, decodingStatistics: new DecodingStatistics(), restartDelayMs: () => 1 },
    ...{ onDeath: () => undefined, onRevival: () => undefined },
  };
  const loaded = await loadModel(source!, { ...usual, ...options }, signal);
  if (loaded.ok)
    await (loaded.runtime.kind === 'tensors' ? loaded.runtime.executor : loaded.runtime.language.decoder).close();
  return loaded;
}

/** Weights in a file of their own, beside a model; the server itself counts as 96 MiB. */
const large = { 'm/model.onnx': identityModel('FP32'), 'm/model.onnx_data': Buffer.alloc(4 * MiB) };

test.each([
  ['as much as one session takes to load them', 105, 1, true],
  ['less', 103, 1, false],
  ['too little for a second session', 105, 2, false],
])('weights in a file of their own are counted before they are loaded: %s', async (_what, limit, instances, ok) => {
  const loaded = await load(large, { memoryBytes: limit * MiB, instances });
  expect(loaded).toMatchObject(ok ? { ok } : { ok, failure: { reason: 'MemoryTooSmall' } });
});

test('weights in a file of their own leave a language model fewer slots', async () => {
  const files = { ...echoArtefact(), 'echo/model.onnx_data': Buffer.alloc(MiB) };
  const loaded = await load(files, { memoryBytes: 106 * MiB, slots: 100 });
  const language = loaded.ok && loaded.runtime.kind === 'language' ? loaded.runtime.language : undefined;
  const { length } = String(echoArtefact()['echo/tokenizer.json']);
  const beside = besideBytes([language!.geometry, length], { slots: 100, prefillTokens: modelOptions.prefillTokens });
  const free = (106 - 96 - 2) * MiB - 2 * splitEchoModel().length - beside;
  expect(language?.slots).toBe(Math.floor(free / slotBytes(language!.geometry)));
});

test('where the CPU took over, a small model runs as on any CPU', async () => {
  const loaded = await load({ 'm/model.onnx': mlpModel([2, 4, 2]) }, { providers: ['cuda', 'cpu'] });
  expect(loaded).toMatchObject({ ok: true, facts: { provider: 'cpu', onMainThread: true } });
});

test.each([
  ['a model of tensors', { 'm/model.onnx': mlpModel([2, 4, 2]) }],
  ['a language model', echoArtefact()],
])('%s that runs on the CPU beside a GPU that could not even be tried says so', async (_what, files) => {
  const said: unknown[] = [];
  const log = { ...quiet, warn: (...line: readonly unknown[]) => void said.push(line) };
  expect((await load(files, { log })).ok).toBe(true);
  expect(said).toEqual([]);
  expect((await load(files, { log, untriedGpu: 'no library' })).ok).toBe(true);
  expect(said).toEqual([['the model runs on the CPU', { error: 'no library' }]]);
});

test('rows whose scales would be shared are not joined, though no trial shows it', async () => {
  const value = (name: string) => ({ name, type: 'FP32' as const, shape: ['batch', 2] });
  const one = { name: 'one', shape: [1], data: Float32Array.of(1) };
  // Of numbers between 0 and 1: ones, zeros and whatever is large come out as they went in.
  const bytes = onnxModel({
    ...{ inputs: [value('x')], outputs: [value('y')], weights: [one] },
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['r'] },
      { op: 'Min', inputs: ['r', 'one'], outputs: ['m'] },
      { op: 'DynamicQuantizeLinear', inputs: ['m'], outputs: ['q', 'scale', 'zero'] },
      { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
    ],
  });
  const loaded = await load({ 'm/model.onnx': bytes });
  expect(loaded.ok && loaded.facts.maxBatch).toBe(1);
});
