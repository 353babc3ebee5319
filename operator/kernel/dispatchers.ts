/**
 * Long-lived connections, a pool per sort of traffic, so that neither a stalled watch nor a flood of writes can hold
 * up a lease. HTTP/1.1: one socket per watch keeps a stall to itself. Pools are rebuilt when the TLS material changes;
 * the old ones finish what they carry.
 */
import { Agent, type Dispatcher } from 'undici';
import type { Access } from './credentials.ts';
import { connectTimeoutMs } from './deadlines.ts';

export type Traffic = 'crud' | 'watch' | 'lease';

/** More than passes that may be under way in all controllers, of which each has one request at a time. */
export const crudSockets = 128;
const sockets: Readonly<Record<Traffic, number | null>> = { crud: crudSockets, watch: null, lease: 2 };

export class Dispatchers {
  #fingerprint = '';
  readonly #agents = new Map<Traffic, Agent>();

  for(traffic: Traffic, access: Access): Agent {
    if (access.fingerprint !== this.#fingerprint) this.#retire();
    this.#fingerprint = access.fingerprint;
    const agent = this.#agents.get(traffic) ?? build(traffic, access);
    this.#agents.set(traffic, agent);
    return agent;
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #retire(): void {
    for (const agent of this.#agents.values()) agent.close().catch(() => undefined);
    this.#agents.clear();
  }
}

/**
 * The same connections; `check` runs in the very turn in which the head of a request goes to the kernel, after all the
 * waiting for a socket. When it throws, nothing is sent and the request fails with what was thrown.
 */
export function checkedAtSending(agent: Agent, check: () => void): Dispatcher {
  return agent.compose((dispatch) => (options, handler) => {
    const checked: Dispatcher.DispatchHandler = {
      onRequestStart: (controller, context) => {
        check();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...answer) => handler.onRequestUpgrade?.(...answer),
      onResponseStart: (...answer) => handler.onResponseStart?.(...answer),
      onResponseData: (...answer) => handler.onResponseData?.(...answer),
      onResponseEnd: (...answer) => handler.onResponseEnd?.(...answer),
      onResponseError: (...answer) => handler.onResponseError?.(...answer),
    };
    return dispatch(options, checked);
  });
}

function build(traffic: Traffic, access: Access): Agent {
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connections: sockets[traffic],
    connect: { ...access.tls, timeout: connectTimeoutMs },
  });
}
