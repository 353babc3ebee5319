import { describe, expect, test } from '@jest/globals';
import type { Access } from '../../../operator/kernel/credentials.ts';
import { Dispatchers } from '../../../operator/kernel/dispatchers.ts';

const access = (fingerprint: string): Access => ({ server: 'https://127.0.0.1:1', headers: {}, tls: {}, fingerprint });

describe('Dispatchers', () => {
  test('one pool per sort of traffic, kept until the TLS material changes', async () => {
    const dispatchers = new Dispatchers();
    const crud = dispatchers.for('crud', access('1'));
    expect(dispatchers.for('crud', access('1'))).toBe(crud);
    expect(dispatchers.for('lease', access('1'))).not.toBe(crud);
    expect(dispatchers.for('crud', access('2'))).not.toBe(crud);
    expect([crud.closed, dispatchers.for('crud', access('2')).closed]).toEqual([true, false]);
    await dispatchers.close();
  });
});
