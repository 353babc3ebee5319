import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSession, type Session } from '../../../../runtime/server/onnx.ts';
import type { Assignment, DecodingOptions, End } from '../../../../runtime/server/decoding/messages.ts';
import { greedy } from '../../../../runtime/server/decoding/sampling.ts';
import { grammarOfSchema } from '../../../../runtime/server/decoding/grammar/schema.ts';
import { Scheduler } from '../../../../runtime/server/decoding/scheduler.ts';
import {
  concatEchoModel,
  contextLength,
  endToken,
  headDim,
  heads,
  layers,
  splitEchoModel,
  vocabulary,
} from '../../../support/echo-decoder.ts';
import { groupedEchoModel, groupedHeadDim } from '../../../support/grouped-echo-decoder.ts';
import { byteTokens, tokenBytes } from '../../../support/token-bytes.ts';
import { folderWith } from '../../../support/model-server.ts';
import { speechless } from '../../../support/speechless.ts';

const sizes = { layers, heads, vocabulary, contextLength, endTokens: [endToken] };

function asked(id: number, prompt: string, changes: Partial<Assignment> = {}): Assignment {
  return { id, prompt: [...Buffer.from(prompt)], maxTokens: 16, sampling: greedy, ...changes };
}

interface Result {
  text: string;
  end?: End;
  cachedTokens?: number;
  waitedMs?: number | undefined;
}

/** Steps until nothing is left, and what each answer came to. */
async function finish(work: Scheduler, between: (step: number) => void = () => undefined) {
  const results = new Map<number, Result>();
  const of = (id: number): Result => results.get(id) ?? { text: '' };
  for (let step = 0; work.busy; step += 1) {
    const report = await work.step();
    for (const { id, token } of report.tokens) {
      results.set(id, { ...of(id), text: of(id).text + (token < 256 ? String.fromCharCode(token) : '') });
    }
    for (const { id, ...rest } of report.ended) results.set(id, { ...of(id), ...rest });
    between(step);
  }
  return results;
}

describe.each([
  ['of its own', 'split-v1', headDim, splitEchoModel()],
  ['of common exporters', 'concat', headDim, concatEchoModel()],
  ['of common exporters, with the last logits alone,', 'concat', headDim, concatEchoModel('last')],
  ['of common exporters, with all of attention in one operator,', 'concat', groupedHeadDim, groupedEchoModel()],
] as const)('under the contract %s', (_name, contract, size, model) => {
  const geometry = { ...sizes, contract, headDim: size };
  let path: string;
  let session: Session;

  beforeAll(async () => {
    path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
    session = await createSession({ path, intraOpThreads: 1, providers: ['cpu'] });
  });

  afterAll(() => session.release());

  let clockMs = 0;

  const scheduler = (options: Partial<DecodingOptions> = {}): Scheduler =>
    new Scheduler(
      session,
      { path, intraOpThreads: 1, providers: ['cpu'], geometry, slots: 4, prefillTokens: 16, ...options },
      () => clockMs,
    );

  describe('an answer', () => {
    test('goes on as the prompt did, to its limit', async () => {
      const work = scheduler();
      work.add(asked(1, 'one two '));
      expect((await finish(work)).get(1)).toEqual({
        text: 'one two one two ',
        end: { kind: 'length' },
        cachedTokens: 0,
        waitedMs: 0,
      });
    });

    test('ends at an end token', async () => {
      const work = scheduler();
      work.add(asked(1, 'one', {}));
      work.add(asked(2, '1234567', { prompt: [...Buffer.from('1234567'), endToken] }));
      const results = await finish(work);
      expect(results.get(1)).toMatchObject({ text: '', end: { kind: 'stop' } });
      expect(results.get(2)).toMatchObject({ text: '1234567', end: { kind: 'stop' } });
    });

    test('ends where the context does', async () => {
      const work = scheduler();
      work.add(asked(1, '12345678', { maxTokens: 10_000 }));
      const result = (await finish(work)).get(1);
      expect(result?.text).toHaveLength(contextLength - 8);
      expect(result?.text).toMatch(/^(12345678)+$/);
      expect(result?.end).toEqual({ kind: 'length' });
    });
  });

  test('an answer whose grammar can be read in very many ways is one of those all the same', async () => {
    const letters = Array.from('abcdefghijklmnop');
    const names = letters.flatMap((first) => letters.map((second) => `${first}${second}`));
    const anyOf = names.map((name) => ({ type: 'object', properties: { [name]: { $ref: '#' } } }));
    const words = names.flatMap((name) => letters.map((letter) => Buffer.from(`{"${name}":{"${letter}`)));
    const work = scheduler();
    work.learn(tokenBytes([...byteTokens, ...words]));
    const bias = [[0x7b, 40] as const, [0x7d, 60] as const];
    work.add(asked(1, 'one two ', { grammar: grammarOfSchema({ anyOf }, false), sampling: { ...greedy, bias } }));
    const { text, end } = (await finish(work)).get(1)!;
    expect([JSON.parse(text), end]).toEqual([{}, { kind: 'stop' }]);
  });

  describe('continuous batching', () => {
    const prompts = [
      'one two ',
      'a longer prompt of more than one piece: sixteen.',
      'alphabet',
      '12345678abcdefgh',
      'x',
    ];

    test('gives every answer the tokens that it gets alone, whoever comes and goes beside it', async () => {
      const alone = new Map<number, Result>();
      for (const [id, prompt] of prompts.entries()) {
        const work = scheduler();
        work.add(asked(id, prompt, { maxTokens: 20 + 7 * id }));
        alone.set(id, (await finish(work)).get(id)!);
      }
      const together = scheduler();
      for (const [id, prompt] of prompts.entries()) together.add(asked(id, prompt, { maxTokens: 20 + 7 * id }));
      const late = await finish(together, (step) => {
        if (step === 3) together.add(asked(10, prompts[2]!, { maxTokens: 9 }));
      });
      for (const id of prompts.keys()) {
        expect(late.get(id)?.text).toBe(alone.get(id)?.text);
        expect(late.get(id)?.end).toEqual(alone.get(id)?.end);
      }
      expect(late.get(10)?.text).toBe('alphabeta');
    });

    test('reads a long prompt in pieces while others write', async () => {
      const work = scheduler();
      work.add(asked(1, 'one two ', { maxTokens: 60 }));
      await work.step();
      work.add(asked(2, 'abcdefgh'.repeat(8), { maxTokens: 1 }));
      const steps = [];
      for (let step = 0; step < 4; step += 1) steps.push(await work.step());
      expect(steps.map(({ promptTokens }) => promptTokens)).toEqual([16, 16, 16, 16]);
      expect(steps.map(({ tokens }) => tokens.filter(({ id }) => id === 1).length)).toEqual([1, 1, 1, 1]);
      expect(steps.map(({ tokens }) => tokens.filter(({ id }) => id === 2).length)).toEqual([0, 0, 0, 1]);
    });

    test('keeps room for the whole of a long prompt while others write', async () => {
      const work = scheduler();
      work.add(asked(1, '1234567812', { maxTokens: 60 }));
      work.add(asked(2, 'abcdefgh'.repeat(25), { maxTokens: 20 }));
      const results = await finish(work);
      expect(results.get(1)?.text).toBe('34567812'.repeat(8).slice(0, 60));
      expect(results.get(2)?.text).toBe('abcdefghabcdefghabcd');
    });

    test('goes on with what is written after as many prompts as there are slots, however short they are', async () => {
      const work = scheduler({ prefillTokens: 64 });
      work.add(asked(1, 'one two ', { maxTokens: 12 }));
      await work.step();
      for (let id = 2; id < 22; id += 1) work.add(asked(id, 'one two ', { maxTokens: 1 }));
      const reports = [];
      for (let step = 0; step < 5; step += 1) reports.push(await work.step());
      expect(reports.map(({ tokens }) => tokens.filter(({ id }) => id === 1).length)).toEqual([1, 1, 1, 1, 1]);
      expect(reports.map(({ ended }) => ended.length)).toEqual([4, 4, 4, 4, 4]);
    });

    test('lets what has no slot wait in line', async () => {
      const work = scheduler({ slots: 2 });
      for (const id of [1, 2, 3]) work.add(asked(id, 'one two ', { maxTokens: 4 }));
      expect(await work.step()).toMatchObject({ writing: 2, waiting: 1 });
      clockMs += 7;
      const results = await finish(work);
      expect(results.get(3)).toMatchObject({ text: 'one ', waitedMs: 7 });
      expect(results.get(1)).toMatchObject({ waitedMs: 0 });
    });

    test('lets the urgent have the next slot', async () => {
      const work = scheduler({ slots: 1 });
      const order: number[] = [];
      for (const [id, level] of [[1], [2, 9], [3], [4, 1]] as const)
        work.add(asked(id, 'one two ', { maxTokens: 2, ...(level !== undefined && { level }) }));
      while (work.busy) order.push(...(await work.step()).ended.map(({ id }) => id));
      expect(order).toEqual([4, 1, 3, 2]);
    });

    test('lets go of what is cancelled: waiting, joining, or writing', async () => {
      const work = scheduler({ slots: 2 });
      work.add(asked(1, 'one two ', { maxTokens: 100 }));
      work.add(asked(2, 'abcdefgh'.repeat(10)));
      work.add(asked(3, 'one two '));
      work.add(asked(4, '87654321', { maxTokens: 8 }));
      await work.step();
      for (const id of [1, 2, 3]) work.cancel(id);
      const results = await finish(work);
      for (const id of [1, 2, 3]) expect(results.get(id)?.end).toEqual({ kind: 'cancelled' });
      expect(results.get(3)?.waitedMs).toBeUndefined();
      expect(results.get(4)).toMatchObject({ text: '87654321', end: { kind: 'length' } });
    });

    test('lets go of what has taken as long as it may: waiting, joining, or writing', async () => {
      const work = scheduler({ slots: 2 });
      work.add(asked(1, 'one two ', { maxTokens: 100, patienceMs: 5 }));
      work.add(asked(2, 'abcdefgh'.repeat(10), { patienceMs: 5 }));
      work.add(asked(3, 'one two ', { patienceMs: 5 }));
      work.add(asked(4, '87654321', { maxTokens: 8, patienceMs: 6 }));
      await work.step();
      clockMs += 5;
      const results = await finish(work);
      for (const id of [1, 2, 3]) expect(results.get(id)?.end).toEqual({ kind: 'expired' });
      expect([1, 2, 3].map((id) => results.get(id)?.waitedMs)).toEqual([0, 0, undefined]);
      expect(results.get(4)).toMatchObject({ text: '87654321', end: { kind: 'length' } });
    });
  });

  describe('the prefix cache', () => {
    test('saves reading what an earlier prompt, or answer, had in common', async () => {
      const work = scheduler();
      work.add(asked(1, 'one two ', { maxTokens: 8 }));
      await finish(work);
      work.add(asked(2, 'one two one two', { maxTokens: 9 }));
      expect((await finish(work)).get(2)).toMatchObject({ text: ' one two ', cachedTokens: 14 });
      work.add(asked(3, 'one twix', { maxTokens: 8 }));
      expect((await finish(work)).get(3)).toMatchObject({ text: 'one twix', cachedTokens: 6 });
    });

    test('copies from an answer that is still being written', async () => {
      const work = scheduler();
      work.add(asked(1, 'one two ', { maxTokens: 30 }));
      const results = await finish(work, (step) => {
        if (step === 0) work.add(asked(2, 'one two abc', { maxTokens: 8 }));
      });
      expect(results.get(1)?.text).toBe('one two '.repeat(4).slice(0, 30));
      expect(results.get(2)).toMatchObject({ text: ' two abc', cachedTokens: 8 });
    });
  });
});

test('what a cancelled prompt has left that is no number, the next one does not meet', async () => {
  const path = join(await folderWith({ 'model.onnx': speechless(splitEchoModel()) }), 'model.onnx');
  const session = await createSession({ path, intraOpThreads: 1, providers: ['cpu'] });
  const geometry = { ...sizes, contract: 'split-v1', headDim } as const;
  const options = { path, intraOpThreads: 1, providers: ['cpu'] as const, geometry, slots: 1, prefillTokens: 16 };
  const work = new Scheduler(session, options, () => 0);
  try {
    work.add(asked(1, `abcdefgh${'z'.repeat(30)}`));
    await work.step();
    work.cancel(1);
    work.add(asked(2, 'one two ', { maxTokens: 8 }));
    expect((await finish(work)).get(2)).toMatchObject({ text: 'one two ', end: { kind: 'length' } });
  } finally {
    await session.release();
  }
});
