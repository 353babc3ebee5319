import { Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { boundTo } from '../../../../runtime/server/grpc/address.ts';

/** Binds as the listener does. */
function binding(server: Server, port: number) {
  const asked: string[] = [];
  const bind = (host: string): Promise<number> => {
    asked.push(host);
    return new Promise((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  };
  return { bind, asked };
}

test('an address that the machine does not have is passed over, and one that is taken is not', async () => {
  const [first, second] = [new Server(), new Server()];
  try {
    // For examples alone (RFC 3849): nobody has it, and who has no IPv6 has no address of it either.
    const hosts = ['[2001:db8::1]', '127.0.0.1'];
    const { bind, asked } = binding(first, 0);
    const port = await boundTo(bind, hosts);
    expect(port).toBeGreaterThan(0);
    expect(asked).toEqual(hosts);
    const again = binding(second, port);
    await expect(boundTo(again.bind, ['127.0.0.1', '127.0.0.2'])).rejects.toThrow('EADDRINUSE');
    expect(again.asked).toEqual(['127.0.0.1']);
  } finally {
    first.forceShutdown();
    second.forceShutdown();
  }
});
