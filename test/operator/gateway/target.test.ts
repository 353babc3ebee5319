import { describe, expect, test } from '@jest/globals';
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
  ['models.example', '/namespaces/a/services/b/v2', 'a/b', '/v2'],
  ['public.models.example', '/namespaces/a/services/b/v2', 'a/b', '/v2'],
  ['limbeck-gateway.limbeck-system.svc', '/namespaces/a/services/b/v2', 'a/b', '/v2'],
])('%s %s', (host, path, key, rest) => {
  const target = targetOf(host, path, 'models.example');
  expect([target?.key, target?.path]).toEqual([key, rest]);
});

describe('a host below the domain', () => {
  const path = '/namespaces/team-b/services/secret/v2';

  // As proxies take them for the host that they open: in any case, with the dot of the root, with what they make of a port.
  test.each(['', ':443', '.', '.:443', ':x:443'])(
    'decides alone, whatever the path says, also with %j behind it',
    (end) => {
      const target = targetOf(`Digits.Team-A.models.example${end}`, path, 'models.example');
      expect(target).toEqual({ key: 'team-a/digits', path });
    },
  );

  // A proxy that opens *.team-a.models.example takes some of these for it.
  test.each(['x.digits.team-a', '.team-a', 'secret.team-b.svc.team-a'])('%s names nobody', (labels) => {
    for (const asked of [path, '/v2'])
      expect(targetOf(`${labels}.models.example`, asked, 'models.example')).toBeUndefined();
  });
});
