/** A gRPC client of the protocol, made from the same .proto file; other people's clients have tests of their own. */
import { credentials, loadPackageDefinition, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface GrpcAnswer {
  /** Undefined when the call succeeded. */
  readonly error?: ServiceError;
  readonly message: Record<string, never>;
}

export interface GrpcCaller {
  call(method: string, request?: object): Promise<GrpcAnswer>;
  close(): void;
}

const proto = 'runtime/server/grpc/open-inference.proto';

export function grpcCaller(port: number): GrpcCaller {
  const definition = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: String, enums: String }));
  const { GRPCInferenceService: Client } = definition['inference'] as unknown as {
    GRPCInferenceService: ServiceClientConstructor;
  };
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    call: (method, request = {}) =>
      new Promise((resolve) => {
        const call = Reflect.get(client, method) as (
          request: object,
          done: (error: ServiceError | null, message?: Record<string, never>) => void,
        ) => void;
        call.call(client, request, (error, message) => {
          resolve(error === null ? { message: message ?? {} } : { error, message: {} });
        });
      }),
    close: () => client.close(),
  };
}
