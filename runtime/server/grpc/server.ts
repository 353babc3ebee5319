/** The gRPC listener: the protocol's service on a port of its own. The only importer of grpc-js. */
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { callOf, type Call } from '../access-log.ts';
import type { ServerFacts } from '../descriptions.ts';
import { holdAnswer, type Face } from '../face.ts';
import { Refusal, refusalOf } from '../protocol/errors.ts';
import type { CallSpan } from '../tracing/spans.ts';
import { boundTo } from './address.ts';
import { readServices, type Requests } from './definition.ts';
import { countIncoming } from './intake.ts';
import { methodsOf, type Method } from './service.ts';
import { codeOf, detailsOf } from './status.ts';

/** The most that a client may have open: streams of one connection are bounded, connections by the machine. */
const streamLimit = 256;

/** Who does not read, or has gone without a word, answers no ping; who has had nothing to say for long may connect again. */
const connections = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_connection_idle_ms': 600_000,
} as const;

/** A gRPC server that listens. */
export interface GrpcServer {
  readonly port: number;
  /** Takes no new calls, lets those in flight finish, and resolves when all are over. */
  readonly close: () => Promise<void>;
}

/** The error of a call: status, sentence, and when to try again. Only our own mistakes are logged. */
function statusOf(face: Face, error: unknown, requestId: string) {
  if (!(error instanceof Refusal)) {
    face.log.error('call failed', { requestId, error: error instanceof Error ? error.stack : String(error) });
  }
  const { fault, message } = refusalOf(error);
  const metadata = new Metadata();
  if ('retryAfterSeconds' in fault) metadata.set('retry-after', String(fault.retryAfterSeconds));
  return { code: codeOf(fault), details: detailsOf(message), metadata };
}

/** The call by its name, which goes back to the caller before anything else does; and its span, where it is traced. */
function observed(
  { access, tracing }: Face,
  call: ServerUnaryCall<Buffer, Buffer>,
): Call & { readonly span?: CallSpan } {
  const header = (name: string) => call.metadata.get(name)[0];
  const [traceparent, tracestate] = [header('traceparent'), header('tracestate')];
  const known = callOf(access, { requestId: header('x-request-id'), traceParent: traceparent });
  const names = new Metadata();
  names.set('x-request-id', known.requestId);
  call.sendMetadata(names);
  const span = tracing?.call(call.getPath(), { traceparent, tracestate });
  return { ...known, ...(span && { span }) };
}

/** By the library's word the end of a call is that it cannot be answered any more: its answer has left, or its caller has. */
const endOf = (call: ServerUnaryCall<Buffer, Buffer>) => ({
  closed: call.cancelled,
  on: (_close: 'close', listener: () => void) => call.once('cancelled', listener),
});

function handlerOf(face: Face, method: Method, requests: Requests): UntypedServiceImplementation[string] {
  const handler: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const { requestId, tell, span } = observed(face, call);
    const caller = {
      trace: span?.trace,
      get patienceMs(): number | undefined {
        const leftMs = Number(call.getDeadline()) - Date.now();
        return Number.isFinite(leftMs) ? leftMs : undefined;
      },
      get aborted(): boolean {
        return call.cancelled;
      },
    };
    const ended = (code: number): void => {
      span?.end(status[code] ?? '');
      tell?.(() => ({ method: call.getPath(), code: status[code] }));
    };
    const answered = requests.answered(face.bodies, call.request, (request) => method(request as never, caller));
    const held = answered.then((bytes) => {
      holdAnswer(face, endOf(call), bytes.length);
      return bytes;
    });
    held.then(
      (bytes) => {
        callback(null, bytes);
        ended(status.OK);
      },
      (error: unknown) => {
        const told = statusOf(face, error, requestId);
        callback(told);
        ended(told.code);
      },
    );
  };
  // The library's own word for a handler whose messages only its definition knows.
  return handler as UntypedServiceImplementation[string];
}

function listen(server: Server, port: number): Promise<number> {
  const bind = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  return boundTo(bind);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.tryShutdown(() => resolve()));
}

/** Serves the engine over gRPC; port 0 picks a free one. */
export async function startGrpcServer(face: Face, facts: ServerFacts, port: number): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': face.maxBodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': streamLimit,
    ...connections,
  });
  const known = Object.entries(methodsOf(face, facts));
  for (const { methods, requests } of readServices()) {
    const handlers = known.flatMap(([name, method]) => {
      const asked = requests.get(name);
      return asked === undefined ? [] : [[name, handlerOf(face, method, asked)] as const];
    });
    server.addService(methods, Object.fromEntries(handlers));
  }
  const bound = await listen(server, port);
  const uncount = countIncoming({ face, port: bound, nameOf: (code) => status[code] });
  return { port: bound, close: () => close(server).finally(uncount) };
}
