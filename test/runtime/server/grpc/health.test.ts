import { credentials, loadPackageDefinition, status, type ServiceClientConstructor } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readHealth } from '../../../../runtime/server/grpc/health.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';
import { mlpModel } from '../../../support/onnx-model.ts';

type Answer = Readonly<Record<string, unknown>>;
type Check = (request: object, done: (error: { readonly code: number } | null, answer?: Answer) => void) => void;

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
});

afterAll(() => server.stop());

/** What the standard client is answered, or the code of its error. */
function check(service: string): Promise<unknown> {
  const { Health } = (loadPackageDefinition(readHealth({ enums: String })) as never)['grpc']['health']['v1'] as {
    readonly Health: ServiceClientConstructor;
  };
  const client = new Health(`127.0.0.1:${server.grpc.port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    (Reflect.get(client, 'Check') as Check).call(client, { service }, (error, answer) => {
      client.close();
      resolve(error === null ? answer?.['status'] : error.code);
    });
  });
}

describe('the health of a server', () => {
  test.each(['', 'inference.GRPCInferenceService'])('is that of the service %j', async (service) => {
    expect(await check(service)).toBe('SERVING');
  });

  test('is not known of a service that there is not', async () => {
    expect(await check('nobody.Service')).toBe(status.NOT_FOUND);
  });

  test('ends where readiness does', async () => {
    server.drain();
    expect(await check('')).toBe('NOT_SERVING');
  });
});
