import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { sentenceOf } from '../../process/logger.ts';

const logged = (script: string): readonly Record<string, unknown>[] =>
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const module = JSON.stringify(new URL('../../process/logger.ts', import.meta.url).href);

describe('createLogger', () => {
  test('writes one JSON object per line with the component and the fields of the child', () => {
    const [line] = logged(
      `import { createLogger } from ${module}; createLogger('gateway', 'info').child({ model: 'digits' }).info('model woken', { waitedMs: 7 });`,
    );
    expect(line).toMatchObject({
      component: 'gateway',
      level: 'info',
      message: 'model woken',
      model: 'digits',
      waitedMs: 7,
    });
    expect(line?.['timestamp']).toMatch(/^\d{4}-/);
  });

  test('keeps quiet below its level', () => {
    const lines = logged(
      `import { createLogger } from ${module}; const log = createLogger('x', 'warn'); log.info('no'); log.warn('yes');`,
    );
    expect(lines.map(({ message }) => message)).toEqual(['yes']);
  });
});

describe('sentenceOf', () => {
  test.each([
    ['an error', new Error('it broke'), 'it broke'],
    [
      'its causes',
      new Error('it broke', { cause: new Error('the wire', { cause: 'a mouse' }) }),
      'it broke: the wire: a mouse',
    ],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['anything else', 42, '42'],
  ])('%s', (_, error, sentence) => {
    expect(sentenceOf(error)).toBe(sentence);
  });
});
