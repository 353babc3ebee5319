/** The gateway as it runs, with one service whose replica is the port in argv. Prints its own port. */
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
  ...{ apiVersion: 'limbeck.dev/v1alpha1', kind: 'ModelService', spec: {} },
  metadata: { namespace: 'default', name: 'digits', uid: 'bench' },
});
gateway.routes.putSlice({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  metadata: {
    ...{ namespace: 'default', name: 'digits-replicas-1' },
    labels: { 'limbeck.dev/model-service': 'digits', 'kubernetes.io/service-name': 'digits-replicas' },
  },
  endpoints: [{ addresses: ['127.0.0.1'] }],
  ports: [{ name: 'http', port: replicaPort }],
});
// Someone follows the demand, as the operator does.
gateway.board.follow({ write: () => true, full: false });
gateway.server.listen(0, '127.0.0.1', () => console.log((gateway.server.address() as AddressInfo).port));
process.on('SIGTERM', () => process.exit(0));
