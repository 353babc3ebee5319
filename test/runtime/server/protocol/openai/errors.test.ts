import { expect, test } from '@jest/globals';
import {
  errorResponse,
  invalidParameter,
  Refusal,
  unavailable,
} from '../../../../../runtime/server/protocol/errors.ts';
import { isOpenAiPath, openAiError } from '../../../../../runtime/server/protocol/openai/errors.ts';

test.each([
  [invalidParameter('n', 'no', 'c'), 400, { type: 'invalid_request_error', param: 'n', code: 'c', message: 'no' }],
  [new Refusal({ kind: 'notFound' }, 'no'), 404, { type: 'invalid_request_error', param: null, code: 'not_found' }],
  [
    new Refusal({ kind: 'queueFull', retryAfterSeconds: 1 }, 'no'),
    429,
    { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  ],
  [new Refusal({ kind: 'expired' }, 'no'), 504, { type: 'server_error', code: 'deadline_exceeded' }],
  [unavailable('no'), 503, { type: 'server_error', code: 'service_unavailable' }],
  [new Error('a secret'), 500, { type: 'server_error', message: 'internal error' }],
])('%p is told as %d', (error, status, expected) => {
  const response = errorResponse(error, openAiError);
  expect(response.status).toBe(status);
  expect(JSON.parse(response.body)).toMatchObject({ error: expected });
});

test.each([
  ['/v1/completions', true],
  ['/v1/models?x=1', true],
  ['/v1', true],
  ['http://host/v1/models', true],
  ['/v1/models/m:predict', false],
  ['/v1beta', false],
  ['/v2/models', false],
])('%s is one of its paths: %p', (path, expected) => expect(isOpenAiPath(path)).toBe(expected));
