/**
 * One ModelService in this gateway: its replicas, their seats, and who waits for one. Lives as long as the object's
 * UID. Every count that the autoscaler hears comes from here.
 */
import type { Clock } from '../../process/clock.ts';
import { avoidMs, choose } from './balancer.ts';
import { Replica, type PoolTimes } from './replica.ts';
import type { Route } from './routes.ts';
import { WaitingRoom, type Guest } from './waiting-room.ts';

export interface ServicePorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly times: PoolTimes;
  /** Called whenever a count changed. */
  readonly changed: (service: Service) => void;
}

export class Service {
  readonly #ports: ServicePorts;
  readonly #room: WaitingRoom<Replica>;
  #route: Route;
  #replicas: readonly Replica[] = [];
  #inFlight = 0;
  #arrived = 0;
  #admitted = 0;

  constructor(route: Route, ports: ServicePorts) {
    this.#ports = ports;
    this.#route = route;
    this.#room = new WaitingRoom<Replica>({
      limit: () => this.#route.limits.queueLimit,
      take: () => this.#take(),
      changed: () => this.#ports.changed(this),
      clock: ports.clock,
    });
    this.update(route);
  }

  get route(): Route {
    return this.#route;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get waiting(): number {
    return this.#room.size;
  }
  /** Requests that ever came. */
  get arrived(): number {
    return this.#arrived;
  }
  get replicas(): readonly Replica[] {
    return this.#replicas;
  }

  /** Takes over what the cluster now says: known replicas keep their connections, gone ones close theirs. */
  update(route: Route): void {
    this.#route = route;
    const known = new Map(this.#replicas.map((replica) => [replica.id, replica]));
    this.#replicas = route.addresses.map((address) => known.get(address.id) ?? new Replica(address, this.#ports.times));
    const kept = new Set(this.#replicas);
    for (const replica of known.values()) if (!kept.has(replica)) replica.close();
    if (this.hopeless) this.#room.dismiss('hopeless');
    else this.#room.wake();
  }

  /** There is no replica, and none would come. */
  get hopeless(): boolean {
    return this.#replicas.length === 0 && this.#route.refusing !== undefined;
  }

  /** A request came; its body may take its time, while a replica starts. */
  arrive(): void {
    this.#arrived++;
    this.#ports.changed(this);
  }

  /** The number of the next request that is ready to be sent: its place in the queue. */
  admit(): number {
    return ++this.#admitted;
  }

  enter(guest: Guest<Replica>): void {
    if (this.hopeless) guest.refused('hopeless');
    else this.#room.enter(guest);
  }
  rejoin(guest: Guest<Replica>): void {
    if (this.hopeless) guest.refused('hopeless');
    else this.#room.rejoin(guest);
  }
  leave(guest: Guest<Replica>): void {
    this.#room.leave(guest);
  }

  /** The replica began to answer: whatever was wrong with it is over. */
  answered(replica: Replica): void {
    if (replica.failures === 0) return;
    replica.failures = 0;
    this.#room.wake();
  }

  /** The replica could not be reached, or its connection broke: others first, for a moment. */
  unreachable(replica: Replica): void {
    // Many requests fail together when a replica dies; that is one failure.
    if (replica.avoided) return;
    replica.avoided = true;
    replica.failures++;
    this.#ports.clock.after(avoidMs(replica.failures), () => {
      replica.avoided = false;
      this.#room.wake();
    });
  }

  /** Gives the seat back; the next guest takes it at once. */
  release(replica: Replica): void {
    replica.inFlight--;
    this.#inFlight--;
    this.#ports.changed(this);
    this.#room.wake();
  }

  /** The ModelService is gone, or the gateway ends: whoever waits is refused, whoever is in flight finishes. */
  close(): void {
    this.#room.close();
    for (const replica of this.#replicas) replica.close();
    this.#replicas = [];
  }

  #take(): Replica | undefined {
    const limit = this.#route.limits.maxInFlightPerReplica;
    const replica = choose(this.#replicas, limit, this.#ports.random);
    if (replica === undefined) return undefined;
    replica.inFlight++;
    this.#inFlight++;
    this.#ports.changed(this);
    return replica;
  }
}
