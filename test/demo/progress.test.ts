import { describe, expect, test } from '@jest/globals';
import { Progress } from '../../demo/progress.ts';

function stage() {
  const time = { ms: 0 };
  const lines: string[] = [];
  const progress = new Progress({ write: (text) => void lines.push(text.trim()), now: () => time.ms }, 2);
  return { time, lines, progress };
}

describe('Progress', () => {
  test('numbers the chapters and says a line once', () => {
    const { time, lines, progress } = stage();
    progress.chapter('Train');
    time.ms = 61_000;
    progress.say('Running, 1%');
    progress.say('Running, 1%');
    progress.say('Running, 2%');
    expect(lines).toEqual(['(1/2) Train', '1:01  Running, 1%', '1:01  Running, 2%']);
  });

  test('breaks a long silence, and only while something is under way', async () => {
    const { time, lines, progress } = stage();
    let end = (): void => undefined;
    const work = progress.during(() => 'still at it', new Promise<void>((resolve) => (end = resolve)));
    time.ms = 3_900;
    progress.beat();
    expect(lines).toEqual([]);
    time.ms = 4_000;
    progress.beat();
    time.ms = 9_000;
    progress.beat();
    end();
    await work;
    time.ms = 20_000;
    progress.beat();
    expect(lines).toEqual(['0:04  still at it', '0:09  still at it']);
  });
});
