/**
 * The gateway as it runs, with one service whose replica is the port in argv. Prints its own port. With `later` the
 * replica appears on demand: a number on standard input is answered when so many requests wait, `go` lets it in.
 */
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../process/clock.ts';
import { createLogger } from '../../process/logger.ts';
import { createRegistry } from '../../process/metrics.ts';
import { parseConfig } from '../../operator/gateway/config.ts';
import { createGateway } from '../../operator/gateway/gateway.ts';

const replicaPort = Number(process.argv[2]);
const config = parseConfig({ LIMBECK_ACCESS_LOG_SAMPLE: '0' });
if (!config.ok) throw new Error(config.violations.join('; '));
const gateway = createGateway({
  ...{ config: config.value, clock: systemClock, random: Math.random, newId: randomUUID, synced: () => true },
  ...{ log: createLogger('gateway', 'info'), registry: createRegistry('gateway') },
});
gateway.routes.putService({
  ...{
    apiVersion: 'limbeck.dev/v1alpha1',
    kind: 'ModelService',
    spec: { scaling: { queueLimit: 100_000, maxInFlightPerReplica: 100 } },
  },
  metadata: { namespace: 'default', name: 'digits', uid: 'bench' },
});
const arrive = (): void =>
  gateway.routes.putSlice({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: {
      ...{ namespace: 'default', name: 'digits-replicas-1' },
      labels: { 'limbeck.dev/model-service': 'digits', 'kubernetes.io/service-name': 'digits-replicas' },
    },
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports: [{ name: 'http', port: replicaPort }],
  });

if (process.argv[3] === 'later') {
  process.stdin.on('data', (chunk: Buffer) => {
    const text = chunk.toString().trim();
    if (text === 'go') arrive();
    else waitFor(Number(text));
  });
} else arrive();

function waitFor(count: number): void {
  const [service] = gateway.services.values();
  if (service?.waiting === count) console.log('held');
  else setTimeout(() => waitFor(count), 10);
}
// Someone follows the demand, as the operator does.
gateway.board.follow({ write: () => true, full: false });
gateway.server.listen(0, '127.0.0.1', () => console.log((gateway.server.address() as AddressInfo).port));
process.on('SIGTERM', () => process.exit(0));
