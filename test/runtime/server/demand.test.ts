import { describe, expect, test } from '@jest/globals';
import { bytesOf, faultOf, fitting, holdingOf, type Demand, type Taken } from '../../../runtime/server/demand.ts';

const MiB = 2 ** 20;

/** One session of a model, of language where it has slots. */
const demand = (fileMiB: number, more: Partial<Demand> = {}): Demand => {
  return { fileBytes: fileMiB * MiB, processBytes: 0, least: 1, most: 1, ...more };
};
const slot = { bytes: 16 * MiB, tokens: 1024 };
const free = (mebibytes: number, later = mebibytes) => ({ now: mebibytes * MiB, later: later * MiB });

describe('what fits', () => {
  test.each<[string, Demand, ReturnType<typeof free>, number]>([
    ['a session takes its weights twice while it is loaded', demand(100), free(200), 1],
    ['less is too little', demand(100), free(199), 0],
    ['and its process', demand(100, { processBytes: 32 * MiB }), free(231), 0],
    ['as many sessions as fit', demand(100, { most: 8 }), free(650), 3],
    ['at most as many as are wanted', demand(100, { most: 2 }), free(650), 2],
    ['what is beside them, too', demand(100, { slot, besideBytes: 16 * MiB }), free(215), 0],
    ['and leaves fewer slots', demand(100, { slot, most: 16, besideBytes: 16 * MiB }), free(200 + 35), 1],
    ['as many slots as fit beside the weights', demand(100, { slot, most: 16 }), free(200 + 35), 2],
    ['none where the weights do not', demand(100, { slot, most: 16 }), free(199, 1000), 0],
    ['slots of what will be free, since they are filled later', demand(100, { slot, most: 16 }), free(200, 264), 4],
    ['all that are wanted', demand(0, { slot, most: 16 }), free(1024), 16],
  ])('%s', (_what, wanted, left, count) => {
    expect(fitting(wanted, left)).toBe(count);
  });

  test('and what it takes then', () => {
    const language = holdingOf(demand(100, { slot, processBytes: 32 * MiB }), 3);
    expect([language.sessions, bytesOf(language)]).toEqual([1, (200 + 32 + 3 * 16) * MiB]);
    const beside = holdingOf(demand(100, { slot, besideBytes: 7 * MiB }), 3);
    expect(bytesOf({ ...beside, loadingBytes: 0 })).toBe((100 + 3 * 16 + 7) * MiB);
    const tensors = holdingOf(demand(100, { processBytes: 32 * MiB }), 3);
    expect([tensors.sessions, bytesOf(tensors)]).toEqual([3, 3 * (200 + 32) * MiB]);
    expect(bytesOf({ ...tensors, loadingBytes: 0 })).toBe(3 * (100 + 32) * MiB);
  });
});

describe('what does not fit is told with the numbers', () => {
  const crowd = (limitMiB: number, others: readonly Taken[] = [], bodiesMiB = 0) => {
    return { limitBytes: limitMiB * MiB, bodiesBytes: bodiesMiB * MiB, now: others, later: others };
  };
  const other = (name: string, mebibytes: number): Taken => ({ name, bytes: mebibytes * MiB });

  test.each([
    [
      'weights',
      faultOf(demand(100), crowd(295)),
      'the model needs 296 MiB (200 MiB to load its weights, 96 MiB for the server), the memory limit is 295 MiB',
    ],
    [
      'sessions that were asked for, in processes',
      faultOf(demand(100, { least: 2, most: 2, processBytes: 32 * MiB }), crowd(295)),
      'the model needs 560 MiB (400 MiB to load its weights, 64 MiB for its processes, 96 MiB for the server), the memory limit is 295 MiB',
    ],
    [
      'weights beside others, versions as one',
      faultOf(demand(100), crowd(360, [other('a', 10), other('b', 50), other('a', 20), other('c', 0)])),
      "the model needs 296 MiB (200 MiB to load its weights, 96 MiB for the server), the memory limit is 360 MiB, of which 'b' has 50 MiB, 'a' has 30 MiB",
    ],
    [
      'not even one slot',
      faultOf(demand(0, { slot }), crowd(111)),
      'one sequence of 1024 tokens needs 16 MiB for its keys and values; of the memory limit of 111 MiB the weights, the server and 0 MiB for the bodies of requests leave 15 MiB',
    ],
    [
      'not even one slot beside the bodies of requests',
      faultOf(demand(0, { slot }), crowd(130, [], 64)),
      'one sequence of 1024 tokens needs 16 MiB for its keys and values; of the memory limit of 130 MiB the weights, the server and 64 MiB for the bodies of requests leave 0 MiB',
    ],
    [
      'a tokenizer',
      faultOf(demand(100, { slot, besideBytes: 10 * MiB }), crowd(295)),
      'the model needs 306 MiB (200 MiB to load its weights, 10 MiB for its tokenizer and logits, 96 MiB for the server), the memory limit is 295 MiB',
    ],
    [
      'not even one slot beside others',
      faultOf(demand(0, { slot }), crowd(150, [other('a', 40)])),
      "one sequence of 1024 tokens needs 16 MiB for its keys and values; of the memory limit of 150 MiB the weights, the server and 0 MiB for the bodies of requests leave 14 MiB beside other models ('a' has 40 MiB)",
    ],
  ])('%s', (_what, sentence, expected) => {
    expect(sentence).toBe(expected);
  });

  test('and not more names than a sentence holds', () => {
    const many = Array.from({ length: 100 }, (_, index) => other(`m${String(index)}`, 100 - index));
    const sentence = faultOf(demand(100), crowd(360, many));
    expect(sentence).toMatch(/of which 'm0' has 100 MiB, .*'m3' has 97 MiB, 96 others have 4656 MiB$/);
  });
});
