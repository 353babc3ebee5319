import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { codeOf, isMissing } from '../../../runtime/server/system-error.ts';

describe('system errors', () => {
  test('a missing file is told from others', async () => {
    const error: unknown = await readFile('/nowhere/at/all').catch((reason: unknown) => reason);
    expect(codeOf(error)).toBe('ENOENT');
    expect(isMissing(error)).toBe(true);
    for (const other of [{ code: 'EACCES' }, new Error('no'), 'ENOENT', null, undefined]) {
      expect(isMissing(other)).toBe(false);
    }
  });
});
