import { describe, expect, test } from '@jest/globals';
import { errorResponse, hung, invalid, Refusal, unavailable } from '../../../../runtime/server/protocol/errors.ts';

describe('errors on the wire', () => {
  test.each([
    [invalid('no'), 400, {}, 'no'],
    [new Refusal({ kind: 'notFound' }, 'no'), 404, {}, 'no'],
    [new Refusal({ kind: 'methodNotAllowed', allow: 'POST' }, 'no'), 405, { Allow: 'POST' }, 'no'],
    [new Refusal({ kind: 'tooLarge' }, 'no'), 413, {}, 'no'],
    [new Refusal({ kind: 'unsupportedEncoding' }, 'no'), 415, {}, 'no'],
    [new Refusal({ kind: 'queueFull', retryAfterSeconds: 1 }, 'no'), 429, { 'Retry-After': '1' }, 'no'],
    [new Refusal({ kind: 'expired' }, 'no'), 504, {}, 'no'],
    [hung('no'), 504, { 'X-Should-Retry': 'false' }, 'no'],
    [unavailable('no', 5), 503, { 'Retry-After': '5' }, 'no'],
    [new Error('a secret of ours'), 500, {}, 'internal error'],
    ['thrown text', 500, {}, 'internal error'],
  ])('%s', (error, status, headers, sentence) => {
    expect(errorResponse(error)).toEqual({ status, headers, body: JSON.stringify({ error: sentence }) });
  });
});
