/**
 * Long-lived connections, a pool per sort of traffic, so that neither a stalled watch nor a flood of writes can hold
 * up a lease. HTTP/1.1: one socket per watch keeps a stall to itself. Pools are rebuilt when the TLS material changes;
 * the old ones finish what they carry.
 */
import { Agent } from 'undici';
import type { Access } from './credentials.ts';

export type Traffic = 'crud' | 'watch' | 'lease';

const sockets: Readonly<Record<Traffic, number | null>> = { crud: 16, watch: null, lease: 2 };
const connectTimeoutMs = 10_000;

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

function build(traffic: Traffic, access: Access): Agent {
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connections: sockets[traffic],
    connect: { ...access.tls, timeout: connectTimeoutMs },
  });
}
