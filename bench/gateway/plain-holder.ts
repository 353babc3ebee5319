/**
 * The least that holds requests with node:http: each is kept until `go` comes on standard input, then passed on to the
 * replica in argv, a hundred at a time. No limits, deadlines, metrics or names. Speaks to the bench as proxy.ts does.
 */
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const replicaPort = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 100 });
const { promise: replicaIsThere, resolve: arrive } = Promise.withResolvers<undefined>();
let waiting = 0;

async function hold(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(incoming);
  waiting += 1;
  await replicaIsThere;
  const { method, url: path, headers } = incoming;
  const sent = request({ host: '127.0.0.1', port: replicaPort, method, path, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  sent.on('error', () => response.destroy());
  sent.end(body);
}

function waitFor(count: number): void {
  if (waiting === count) console.log('held');
  else setTimeout(() => waitFor(count), 10);
}

process.stdin.on('data', (chunk: Buffer) => {
  const text = chunk.toString().trim();
  if (text === 'go') arrive(undefined);
  else waitFor(Number(text));
});
const server = createServer((incoming, response) => void hold(incoming, response));
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.on('SIGTERM', () => process.exit(0));
