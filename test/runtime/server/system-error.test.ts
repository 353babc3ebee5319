import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { codeOf, isForbidden, isMissing, isOutOfRoom } from '../../../runtime/server/system-error.ts';

describe('system errors', () => {
  test('a missing file is told from others', async () => {
    const error: unknown = await readFile('/nowhere/at/all').catch((reason: unknown) => reason);
    expect(codeOf(error)).toBe('ENOENT');
    expect(isMissing(error)).toBe(true);
    for (const other of [{ code: 'EACCES' }, new Error('no'), 'ENOENT', null, undefined]) {
      expect(isMissing(other)).toBe(false);
    }
  });

  test('so is a full disk, which an error of a write names by its code alone', async () => {
    const error: unknown = await writeFile('/dev/full', 'x').catch((reason: unknown) => reason);
    expect(error).not.toHaveProperty('path');
    expect(isOutOfRoom(error)).toBe(true);
    const codes = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EPIPE', 'ECONNRESET', 'EIO'];
    expect(codes.filter((code) => isOutOfRoom({ code }))).toEqual(codes.slice(0, 4));
  });

  test('so is what may not be read', () => {
    const codes = ['EACCES', 'EPERM', 'ELOOP', 'EIO', 'EMFILE', 'ENOENT'];
    expect(codes.filter((code) => isForbidden({ code }))).toEqual(['EACCES', 'EPERM', 'ELOOP']);
    expect(isForbidden(null)).toBe(false);
  });
});
