import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { codeOf, isForbidden, isMissing } from '../../../runtime/server/system-error.ts';

describe('system errors', () => {
  test('a missing file is told from others', async () => {
    const error: unknown = await readFile('/nowhere/at/all').catch((reason: unknown) => reason);
    expect(codeOf(error)).toBe('ENOENT');
    expect(isMissing(error)).toBe(true);
    for (const other of [{ code: 'EACCES' }, new Error('no'), 'ENOENT', null, undefined]) {
      expect(isMissing(other)).toBe(false);
    }
  });

  test('so is what may not be read', () => {
    const codes = ['EACCES', 'EPERM', 'ELOOP', 'EIO', 'EMFILE', 'ENOENT'];
    expect(codes.filter((code) => isForbidden({ code }))).toEqual(['EACCES', 'EPERM', 'ELOOP']);
    expect(isForbidden(null)).toBe(false);
  });
});
