/** One replica as this gateway knows it: its connections, its load, and how its last connections went. */
import { Pool } from 'undici';
import type { Candidate } from './balancer.ts';
import type { Address } from './routes.ts';

export interface PoolTimes {
  readonly connectMs: number;
  /** Longest silence of a replica before and within an answer. */
  readonly answerMs: number;
}

export class Replica implements Candidate {
  readonly id: string;
  readonly origin: string;
  inFlight = 0;
  failures = 0;
  avoided = false;
  readonly #times: PoolTimes;
  #pool: Pool | undefined;

  constructor(address: Address, times: PoolTimes) {
    this.id = address.id;
    this.origin = address.origin;
    this.#times = times;
  }

  /** Keep-alive connections, as many as requests are in flight: the seats bound them, not the pool. */
  get pool(): Pool {
    this.#pool ??= new Pool(this.origin, {
      connections: null,
      pipelining: 1,
      connectTimeout: this.#times.connectMs,
      headersTimeout: this.#times.answerMs,
      bodyTimeout: this.#times.answerMs,
      keepAliveTimeout: 30_000,
    });
    return this.#pool;
  }

  /** Lets requests in flight finish, then closes the connections. */
  close(): void {
    void this.#pool?.close().catch(() => undefined);
  }
}
