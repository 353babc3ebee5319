import { expect, test } from '@jest/globals';
import { BodyError } from '../../../operator/gateway/body-stream.ts';
import { verdictOf, type Tried } from '../../../operator/gateway/repeat.ts';

const error = (code: string): Error => Object.assign(new Error(code), { code });
const infer: Tried = { method: 'POST', path: '/v2/models/m/infer', repeatable: true, cut: 0 };

test.each<[string, Error, boolean, Partial<Tried>, 'again' | number]>([
  ['refused', error('ECONNREFUSED'), false, {}, 'again'],
  ['refused, for the hundredth time', error('ECONNREFUSED'), false, { cut: 100 }, 'again'],
  ['refused, not harmless', error('ECONNREFUSED'), false, { path: '/v2/repository/index' }, 'again'],
  ['refused, body already streamed', error('ECONNREFUSED'), false, { repeatable: false }, 502],
  ['cut off, inference', error('ECONNRESET'), true, {}, 'again'],
  ['cut off, samples', error('ECONNRESET'), true, { path: '/v2/models/m/predict' }, 'again'],
  ['cut off, an explanation', error('ECONNRESET'), true, { path: '/v2/models/m/explain' }, 'again'],
  ['cut off, inference with a query', error('UND_ERR_SOCKET'), true, { path: '/v2/models/m/infer?x' }, 'again'],
  ['cut off, rows', error('UND_ERR_SOCKET'), true, { path: '/v1/models/m:predict' }, 'again'],
  ['cut off, text', error('UND_ERR_SOCKET'), true, { path: '/v1/chat/completions' }, 'again'],
  ['cut off, read', error('UND_ERR_SOCKET'), true, { method: 'GET', path: '/v2' }, 'again'],
  ['cut off, not harmless', error('UND_ERR_SOCKET'), true, { path: '/v2/repository/index' }, 502],
  ['cut off too often', error('UND_ERR_SOCKET'), true, { cut: 3 }, 502],
  ['no answer in time', error('UND_ERR_HEADERS_TIMEOUT'), true, {}, 504],
  ['not a valid request', error('UND_ERR_INVALID_ARG'), false, {}, 400],
  ['not HTTP', error('HPE_INVALID_CONSTANT'), true, {}, 502],
  ['body too large', new BodyError('tooLarge'), true, { repeatable: false }, 413],
  ['body too slow', new BodyError('tooSlow'), true, { repeatable: false }, 408],
])('%s', (...[, fault, reached, tried, expected]) => {
  const verdict = verdictOf({ kind: 'unanswered', reached, error: fault }, { ...infer, ...tried });
  expect(verdict.kind === 'again' ? 'again' : verdict.refusal.code).toBe(expected);
});
