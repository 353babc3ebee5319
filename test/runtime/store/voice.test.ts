import { describe, expect, test } from '@jest/globals';
import type { Fields, Log } from '../../../process/logger.ts';
import { redactor, voice, type Stream } from '../../../runtime/store/voice.ts';

type Said = readonly [level: string, sentence: string, fields: Fields | undefined];

function heard(secrets: readonly string[] = []) {
  const said: Said[] = [];
  const at = (level: string) => (sentence: string, fields?: Fields) => void said.push([level, sentence, fields]);
  const log: Log = {
    ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    child: () => log,
  };
  return { said, speaker: voice(log, secrets) };
}

function levelOf(stream: Stream, line: string): string | undefined {
  const { said, speaker } = heard();
  speaker.say(stream, line);
  return said[0]?.[0];
}

describe('what the S3 server says', () => {
  test('is a field of a constant sentence, without colours and without its own clock', () => {
    const { said, speaker } = heard();
    speaker.say('stderr', '\u001b[31m[INTERNAL ERROR]: disk is gone\u001b[0m');
    speaker.say('stderr', '2026/11/28 16:44:06 chdir /nowhere: no such file or directory');
    expect(said).toEqual([
      ['error', 'the S3 server says', { line: '[INTERNAL ERROR]: disk is gone' }],
      ['error', 'the S3 server says', { line: 'chdir /nowhere: no such file or directory' }],
    ]);
  });

  test.each<readonly [Stream, string, string]>([
    ['stdout', 'No IAM service configured, enabling single account mode', 'info'],
    ['stdout', 'Warning: shared object publish locking disabled', 'warn'],
    ['stderr', '2026/11/28 16:44:06 WARNING: max-requests (9) exceeds max-connections (8)', 'warn'],
    ['stderr', 'caught signal terminated', 'info'],
    ['stderr', 'terminating signal caught, shutting down', 'info'],
    ['stderr', 'panic: runtime error: index out of range', 'error'],
    ['stderr', 'goroutine 1 [running]:', 'error'],
  ])('on %s, "%s", is of level %s', (stream, line, level) => {
    expect(levelOf(stream, line)).toBe(level);
  });

  test('is nothing where a line is empty, and cut where it has no end', () => {
    const { said, speaker } = heard();
    speaker.say('stdout', '  \u001b[0m ');
    speaker.say('stdout', 'a'.repeat(100_000));
    expect(said.map(([, , fields]) => String(fields?.['line']).length)).toEqual([2048]);
  });

  test('is remembered where it was a complaint, the last one', () => {
    const { speaker } = heard();
    expect(speaker.complaint).toBeUndefined();
    speaker.say('stderr', 'first');
    speaker.say('stderr', 'second');
    speaker.say('stdout', 'third');
    speaker.say('stderr', 'fourth', 'debug');
    expect(speaker.complaint).toBe('second');
  });
});

describe('the keys of the store', () => {
  const secrets = ['LIMBECK1', 'aB/c+d', ''];

  test.each([
    ['LIMBECK1 limbeck [28/November/2026', '… limbeck [28/November/2026'],
    ['/limbeck/a?X-Amz-Credential=OTHER%2F2026&x=1 200', '/limbeck/a?X-Amz-Credential=…&x=1 200'],
    ['?X-Amz-Signature=abc X-Amz-Security-Token=def', '?X-Amz-Signature=… X-Amz-Security-Token=…'],
    ['secret aB/c+d or aB%2Fc%2Bd', 'secret … or …'],
    ['nothing of it', 'nothing of it'],
  ])('"%s" is said as "%s"', (text, said) => {
    expect(redactor(secrets)(text)).toBe(said);
  });

  test('are left out before a line is cut', () => {
    const { said, speaker } = heard(['s'.repeat(40)]);
    speaker.say('stdout', `${'a'.repeat(2030)}${'s'.repeat(40)}`);
    expect(said[0]?.[2]?.['line']).toBe(`${'a'.repeat(2030)}…`);
  });
});
