/** The last words: how to go on with the cluster that the demo leaves running. Pure. */
import type { GatewayAccess } from './config.ts';

const infer = '/namespaces/default/services/digits/v2/models/digits/infer -d @examples/requests/digits.json';

/** The one command that asks the model, wherever the gateway is. */
function askCommand(gateway: GatewayAccess): string {
  switch (gateway.kind) {
    case 'url':
      return `curl -s ${gateway.url}${infer}`;
    case 'nodePort':
      return `curl -s http://127.0.0.1:${gateway.port}${infer}`;
    case 'portForward':
      return `kubectl -n limbeck-system port-forward service/limbeck-gateway 8080:http & sleep 2; curl -s http://127.0.0.1:8080${infer}; kill %%`;
  }
}

/** Three commands to try; on the project's own cluster also what a shell needs first. */
export const farewell = (gateway: GatewayAccess): string =>
  [
    'The cluster is still running.',
    ...(gateway.kind === 'nodePort' ? ['In your shell first:', '  eval "$(bash cluster/cluster env)"'] : []),
    'Three commands to try:',
    '  kubectl get tj,dj,msvc',
    `  ${askCommand(gateway)}`,
    '  kubectl scale msvc/digits --replicas=3 && kubectl get msvc digits --watch',
    ...(gateway.kind === 'nodePort' ? ['When you have had enough: make demo-down'] : []),
  ].join('\n');
