import { expect, test } from '@jest/globals';
import { farewell } from '../../demo/farewell.ts';
import type { GatewayAccess } from '../../demo/config.ts';

test.each<[GatewayAccess, string]>([
  [{ kind: 'nodePort', port: 30080 }, 'curl -s http://127.0.0.1:30080/namespaces/default/services/digits/v2/'],
  [{ kind: 'url', url: 'https://models.example' }, 'curl -s https://models.example/namespaces/default/'],
  [{ kind: 'portForward' }, 'port-forward service/limbeck-gateway 8080:http'],
])('%j: three commands that work as they stand', (gateway, ask) => {
  const commands = farewell(gateway)
    .split('\n')
    .slice(farewell(gateway).split('\n').indexOf('Three commands to try:') + 1)
    .filter((line) => line.startsWith('  '));
  expect(commands).toHaveLength(3);
  expect(commands[1]).toContain(ask);
  expect(farewell(gateway).includes('make demo-down')).toBe(gateway.kind === 'nodePort');
});
