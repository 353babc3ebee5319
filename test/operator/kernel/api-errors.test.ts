import { describe, expect, test } from '@jest/globals';
import { codeOfStatus, errorOfAnswer, errorOfConnection, retryAfterMsOf } from '../../../operator/kernel/api-errors.ts';

describe('codeOfStatus', () => {
  test.each([
    [400, 'invalid'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'notFound'],
    [409, 'conflict'],
    [410, 'gone'],
    [422, 'invalid'],
    [429, 'throttled'],
    [500, 'unavailable'],
    [504, 'unavailable'],
    [302, 'unavailable'],
  ])('%i is %s', (status, code) => {
    expect(codeOfStatus(status)).toBe(code);
  });
});

describe('retryAfterMsOf', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  test.each([
    [undefined, undefined],
    ['', undefined],
    ['3', 3000],
    ['3600', 1_000_000],
    ['99999999999999999999', 1_000_000],
    ['Fri, 01 Jan 2027 00:00:00 GMT', 1_000_000],
    ['soon', undefined],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ])('%s', (header, expected) => {
    expect(retryAfterMsOf(header, now)).toBe(expected);
  });
});

describe('errorOfAnswer', () => {
  test.each([
    ['the sentence of a Status', '{"message":"pods is forbidden"}', 'pods is forbidden'],
    ['the beginning of a page', '<html>', '<html>'],
    ['the number when there is nothing else', '', 'HTTP 403'],
  ])('%s', (_, body, message) => {
    expect(errorOfAnswer(403, body, undefined)).toMatchObject({ code: 'forbidden', status: 403, message });
  });
});

describe('errorOfConnection', () => {
  test('keeps the cause and tells slowness from absence', () => {
    const cause = new Error('ECONNREFUSED');
    expect(errorOfConnection(cause)).toMatchObject({ code: 'unavailable', status: 0, cause });
    expect(errorOfConnection({ name: 'TimeoutError' }).message).toBe('the API server took too long');
  });
});
