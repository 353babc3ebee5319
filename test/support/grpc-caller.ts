/** A gRPC client of the protocol, made from the same .proto file; other people's clients have tests of their own. */
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ClientUnaryCall,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface GrpcAnswer {
  /** Undefined when the call succeeded. */
  readonly error?: ServiceError;
  readonly message: Record<string, never>;
  /** What came before the message. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

type Unary = (
  request: object,
  metadata: Metadata,
  done: (error: ServiceError | null, message?: Record<string, never>) => void,
) => ClientUnaryCall;

export interface GrpcCaller {
  call(method: string, request?: object, metadata?: Readonly<Record<string, string>>): Promise<GrpcAnswer>;
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
    call: (method, request = {}, given = {}) =>
      new Promise((resolve) => {
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(given)) metadata.set(name, value);
        let received: Readonly<Record<string, unknown>> = {};
        const call = Reflect.get(client, method) as Unary;
        call
          .call(client, request, metadata, (error, message = {}) =>
            resolve({ ...(error !== null && { error }), message: error === null ? message : {}, metadata: received }),
          )
          .on('metadata', (names: Metadata) => (received = names.getMap()));
      }),
    close: () => client.close(),
  };
}
