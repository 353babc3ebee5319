/** Requests to the API server, as they are counted. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import { seconds } from './metrics.ts';
import type { CallCounts } from './transport.ts';

/** How much goes to and fro. */
function trafficMetrics(registry: Registry): Pick<CallCounts, 'sent' | 'received'> & { ended: CallCounts['sent'] } {
  const [registers, labelNames] = [[registry], ['verb', 'resource']];
  const inFlight = new Gauge({
    name: 'limbeck_api_requests_in_flight',
    help: 'Requests to the API server whose answer has not begun.',
    labelNames,
    registers,
  });
  const bytes = new Counter({
    name: 'limbeck_api_received_bytes_total',
    help: 'Bytes of lists, watches and other answers of the API server.',
    labelNames,
    registers,
  });
  return {
    sent: ({ verb, resource }) => inFlight.inc({ verb, resource }),
    ended: ({ verb, resource }) => inFlight.dec({ verb, resource }),
    received: ({ verb, resource }, count) => bytes.inc({ verb, resource }, count),
  };
}

/** Requests to the API server. */
export function callMetrics(registry: Registry): CallCounts {
  const registers = [registry];
  const answers = new Counter({
    name: 'limbeck_api_requests_total',
    help: 'Requests to the API server by verb, resource and HTTP status; broken: no answer came.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'limbeck_api_request_seconds',
    help: 'Time from sending a request to the API server to the head of its answer.',
    labelNames: ['verb', 'resource', 'code'],
    buckets: seconds,
    registers,
  });
  const retries = new Counter({
    name: 'limbeck_api_retries_total',
    help: 'Reads that the transport sent again, because the connection broke or the server named a time.',
    labelNames: ['verb', 'resource'],
    registers,
  });
  const { sent, ended, received } = trafficMetrics(registry);
  return {
    sent,
    received,
    answered: (call, code, took) => {
      const { verb, resource } = call;
      ended(call);
      answers.inc({ verb, resource, code });
      if (verb !== 'watch') durations.observe({ verb, resource, code }, took);
    },
    retried: ({ verb, resource }) => retries.inc({ verb, resource }),
  };
}
