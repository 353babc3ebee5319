/**
 * What is in flight, waiting and ever arrived per service, told to whoever follows: a line on change, at most every
 * 50 ms, and one at least each second. The first line of a follower holds everything that is not zero; afterwards a
 * service that is left out has nothing in flight and nobody waiting, and as many arrivals as it had.
 */
import type { Request, Response } from 'express';
import type { Clock } from '../../process/clock.ts';
import type { Service } from './service.ts';

export interface DemandPorts {
  readonly gateway: string;
  readonly services: () => Iterable<Service>;
  readonly clock: Clock;
}

/** Takes a line; false: it cannot take another one yet. */
export type Sink = { write(line: string): boolean; readonly full: boolean };

interface Follower {
  readonly sink: Sink;
  /** Changes up to this number were told. */
  seen: number;
}

const coalesceMs = 50;
const heartbeatMs = 1000;

export class DemandBoard {
  readonly #ports: DemandPorts;
  readonly #followers = new Set<Follower>();
  readonly #changes = new WeakMap<Service, number>();
  #change = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #soon = false;

  constructor(ports: DemandPorts) {
    this.#ports = ports;
  }

  /** A count of this service changed. */
  changed(service: Service): void {
    this.#changes.set(service, ++this.#change);
    if (this.#followers.size === 0 || this.#soon) return;
    const since = this.#ports.clock.monotonicMs() - this.#toldAt;
    this.#soon = true;
    this.#schedule(Math.max(0, coalesceMs - since));
  }

  /** Tells everything now and every change later. Returns how to stop. */
  follow(sink: Sink): () => void {
    const follower: Follower = { sink, seen: 0 };
    this.#followers.add(follower);
    this.#tell(follower);
    if (this.#followers.size === 1) this.#schedule(heartbeatMs);
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#rest();
    };
  }

  /** Nobody follows: the line that was due, if any, is not. */
  #rest(): void {
    this.#cancel?.();
    this.#soon = false;
  }

  #schedule(afterMs: number): void {
    this.#cancel?.();
    this.#cancel = this.#ports.clock.after(afterMs, () => {
      this.#soon = false;
      this.#toldAt = this.#ports.clock.monotonicMs();
      for (const follower of this.#followers) this.#tell(follower);
      if (this.#followers.size > 0) this.#schedule(heartbeatMs);
    });
  }

  /** A follower that does not keep up is told less often, never wrongly: the next line has all it missed. */
  #tell(follower: Follower): void {
    if (follower.sink.full) return;
    const services: Record<string, { inFlight: number; waiting: number; arrived: number }> = {};
    for (const service of this.#ports.services()) {
      const { inFlight, waiting, arrived } = service;
      const changed = (this.#changes.get(service) ?? 0) > follower.seen;
      if (inFlight + waiting > 0 || (changed && arrived > 0))
        services[service.route.key] = { inFlight, waiting, arrived };
    }
    follower.seen = this.#change;
    const { clock, gateway } = this.#ports;
    follower.sink.write(`${JSON.stringify({ at: clock.now().getTime(), gateway, services })}\n`);
  }
}

/** GET /demand: newline-delimited JSON without end. */
export function demandHandler(board: DemandBoard): (request: Request, response: Response) => void {
  return (_request, response) => {
    response.status(200).type('application/x-ndjson');
    response.flushHeaders();
    const stop = board.follow({
      write: (line) => response.write(line),
      get full() {
        return response.writableNeedDrain;
      },
    });
    response.on('close', stop);
  };
}
