import { expect, test } from '@jest/globals';
import { targetOf } from '../../../operator/gateway/target.ts';

test.each<[string, string, string | undefined, string | undefined]>([
  ['digits.default.svc', '/v2', 'default/digits', '/v2'],
  ['digits.default.svc.cluster.local:8080', '/v2', 'default/digits', '/v2'],
  ['Digits.Default', '/v2', 'default/digits', '/v2'],
  ['digits.default.models.example', '/v2', 'default/digits', '/v2'],
  ['digits.default.models.example:80', '/v2', 'default/digits', '/v2'],
  ['digits.default.elsewhere.example', '/v2', undefined, undefined],
  ['localhost:8080', '/v2', undefined, undefined],
  ['', '/v2', undefined, undefined],
  ['localhost', '/namespaces/a/services/b/v2/x?y=1', 'a/b', '/v2/x?y=1'],
  ['localhost', '/namespaces/a/services/b', 'a/b', '/'],
  ['localhost', '/namespaces/a/services/b?y=1', 'a/b', '/?y=1'],
  ['localhost', '/namespaces/a/services/', undefined, undefined],
  ['localhost', '/namespaces/a/services/b%2fc/v2', undefined, undefined],
  ['digits.default', '/namespaces/a/services/b/v2', 'a/b', '/v2'],
  ['elsewhere', 'http://digits.default:80/v2?x', 'default/digits', '/v2?x'],
  ['digits.default', 'http://elsewhere:80/v2?x', undefined, undefined],
  ['localhost', 'http://elsewhere/namespaces/a/services/b/v2', 'a/b', '/v2'],
  ['digits.default', '*', 'default/digits', '*'],
])('%s %s', (host, path, key, rest) => {
  const target = targetOf(host, path, 'models.example');
  expect([target?.key, target?.path]).toEqual([key, rest]);
});
