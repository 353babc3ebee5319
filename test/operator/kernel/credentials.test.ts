import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defaultCredentials } from '../../../operator/kernel/credentials.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const before = { KUBECONFIG: process.env['KUBECONFIG'], HOME: process.env['HOME'] };
let folder: string;
const config = (name: string): string => join(folder, name);

function write(user: object, cluster: object = {}, name = 'config'): void {
  writeFileSync(
    config(name),
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', ...cluster } }],
      users: [{ name: 'u', user }],
    }),
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credentials-'));
  process.env['KUBECONFIG'] = config('config');
});
afterEach(() => {
  for (const [name, value] of Object.entries(before))
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
});

describe('credentials', () => {
  test('a token becomes a header; renewing reads the file anew', async () => {
    write({ token: 'one' });
    const credentials = defaultCredentials(new FakeClock());
    expect(await credentials.current()).toMatchObject({
      server: 'https://127.0.0.1:1',
      headers: { authorization: 'Bearer one' },
    });
    write({ token: 'two' });
    expect((await credentials.current()).headers['authorization']).toBe('Bearer one');
    expect((await credentials.renew()).headers['authorization']).toBe('Bearer two');
  });

  test('a kubeconfig that is named counts, whatever the environment says', async () => {
    write({ token: 'named' });
    process.env['KUBECONFIG'] = config('elsewhere');
    const credentials = defaultCredentials(new FakeClock(), config('config'));
    expect((await credentials.current()).headers['authorization']).toBe('Bearer named');
    write({ token: 'next' });
    expect((await credentials.renew()).headers['authorization']).toBe('Bearer next');
  });

  test('the fingerprint changes with the TLS material on disk and with nothing else', async () => {
    for (const [name, text] of [
      ['ca', 'ca-1'],
      ['cert', 'cert-1'],
      ['key', 'key-1'],
    ] as const)
      writeFileSync(config(name), text);
    write(
      { 'client-certificate': config('cert'), 'client-key': config('key') },
      { 'certificate-authority': config('ca') },
    );
    const clock = new FakeClock();
    const credentials = defaultCredentials(clock);
    const first = await credentials.current();
    expect(String(first.tls.ca)).toBe('ca-1');
    clock.pause(20_000);
    expect((await credentials.current()).fingerprint).toBe(first.fingerprint);
    writeFileSync(config('ca'), 'ca-2');
    clock.pause(20_000);
    const second = await credentials.current();
    expect([String(second.tls.ca), second.fingerprint === first.fingerprint]).toEqual(['ca-2', false]);
  });

  test('a file that is half written is refused, and read when it is whole', async () => {
    write({ token: 'one' });
    const credentials = defaultCredentials(new FakeClock());
    await credentials.current();
    writeFileSync(config('config'), '{"users": [');
    await expect(credentials.renew()).rejects.toThrow();
    expect((await credentials.current()).headers['authorization']).toBe('Bearer one');
    write({ token: 'two' });
    expect((await credentials.renew()).headers['authorization']).toBe('Bearer two');
  });

  test('a usual file that is away for a moment is read when it is there again, and until then what it said counts', async () => {
    mkdirSync(config('.kube'));
    write({ token: 'one' }, {}, '.kube/config');
    Reflect.deleteProperty(process.env, 'KUBECONFIG');
    process.env['HOME'] = folder;
    const clock = new FakeClock();
    const credentials = defaultCredentials(clock);
    await credentials.current();
    rmSync(config('.kube/config'));
    await expect(credentials.renew()).rejects.toThrow();
    // Not what is still remembered of the last read.
    clock.pause(20_000);
    expect(await credentials.current()).toMatchObject({
      server: 'https://127.0.0.1:1',
      headers: { authorization: 'Bearer one' },
    });
    write({ token: 'two' }, {}, '.kube/config');
    expect((await credentials.renew()).headers['authorization']).toBe('Bearer two');
  });

  test.each(['cert', 'key'])('a %s that is exchanged on disk makes another fingerprint', async (name) => {
    for (const each of ['cert', 'key']) writeFileSync(config(each), `${each}-1`);
    write({ 'client-certificate': config('cert'), 'client-key': config('key') });
    const clock = new FakeClock();
    const credentials = defaultCredentials(clock);
    const first = await credentials.current();
    writeFileSync(config(name), `${name}-2`);
    clock.pause(20_000);
    const second = await credentials.current();
    expect([String(second.tls[name as 'cert' | 'key']), second.fingerprint === first.fingerprint]).toEqual([
      `${name}-2`,
      false,
    ]);
  });

  test('without any cluster the sentence says what to do', async () => {
    writeFileSync(config('config'), JSON.stringify({ contexts: [], clusters: [], users: [] }));
    await expect(Promise.resolve().then(() => defaultCredentials(new FakeClock()).current())).rejects.toThrow(
      'KUBECONFIG',
    );
  });
});
