/**
 * Holds requests while there is no free seat: bounded, first come first served, each with a deadline. It is woken by
 * change (a seat freed, a replica appeared, a limit raised) and never polls. A guest gets exactly one answer: `seated`
 * or `refused`, or none at all when it left. A guest that lost its seat through no fault of its own comes back to
 * the place its order gives it, and is never refused for lack of room.
 */
import type { Clock } from '../../process/clock.ts';

export type Refusal = 'full' | 'late' | 'closed' | 'hopeless';

export interface Guest<Seat> {
  /** Rises with arrival; a returning guest keeps its own. */
  readonly order: number;
  /** How long it may still wait, ms. */
  readonly patienceMs: number;
  seated(seat: Seat): void;
  refused(why: Refusal): void;
}

export interface RoomPorts<Seat> {
  /** Most guests that wait at once; read at each arrival. */
  readonly limit: () => number;
  /** Takes a free seat, or says there is none. */
  readonly take: () => Seat | undefined;
  /** Called whenever `size` changed. */
  readonly changed: () => void;
  readonly clock: Clock;
}

interface Place<Seat> {
  readonly guest: Guest<Seat>;
  readonly cancelDeadline: () => void;
  before: Place<Seat> | undefined;
  after: Place<Seat> | undefined;
}

export class WaitingRoom<Seat> {
  readonly #ports: RoomPorts<Seat>;
  readonly #places = new Map<Guest<Seat>, Place<Seat>>();
  #first: Place<Seat> | undefined;
  #last: Place<Seat> | undefined;
  #waking = false;
  #closed = false;

  constructor(ports: RoomPorts<Seat>) {
    this.#ports = ports;
  }

  /** Guests waiting now. */
  get size(): number {
    return this.#places.size;
  }

  /** A new guest: seated at once, held, or refused. */
  enter(guest: Guest<Seat>): void {
    if (this.#closed) {
      guest.refused('closed');
      return;
    }
    const seat = this.#first === undefined ? this.#ports.take() : undefined;
    if (seat !== undefined) {
      guest.seated(seat);
      return;
    }
    if (this.size >= this.#ports.limit()) {
      guest.refused('full');
      return;
    }
    this.#hold(guest, this.#last);
  }

  /** A guest that lost its seat: back to its place, then whoever is first gets what is free. */
  rejoin(guest: Guest<Seat>): void {
    if (this.#closed) {
      guest.refused('closed');
      return;
    }
    let before: Place<Seat> | undefined;
    for (let place = this.#first; place !== undefined && place.guest.order < guest.order; place = place.after)
      before = place;
    this.#hold(guest, before);
    this.wake();
  }

  /** A guest gives up; nothing happens when it is not waiting. */
  leave(guest: Guest<Seat>): void {
    const place = this.#places.get(guest);
    if (place !== undefined) this.#release(place);
  }

  /** Hands out every free seat in order. Safe to call from within `seated` and `refused`. */
  wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    try {
      while (this.#first !== undefined) {
        const seat = this.#ports.take();
        if (seat === undefined) return;
        const { guest } = this.#release(this.#first);
        guest.seated(seat);
      }
    } finally {
      this.#waking = false;
    }
  }

  /** Refuses everyone who waits now. */
  dismiss(why: Refusal): void {
    while (this.#first !== undefined) this.#release(this.#first).guest.refused(why);
  }

  /** Refuses everyone, now and later. */
  close(): void {
    this.#closed = true;
    this.dismiss('closed');
  }

  #hold(guest: Guest<Seat>, before: Place<Seat> | undefined): void {
    const cancelDeadline = this.#ports.clock.after(guest.patienceMs, () => {
      const late = this.#places.get(guest);
      if (late !== undefined) this.#release(late).guest.refused('late');
    });
    const after = before === undefined ? this.#first : before.after;
    const place: Place<Seat> = { guest, cancelDeadline, before, after };
    if (before === undefined) this.#first = place;
    else before.after = place;
    if (after === undefined) this.#last = place;
    else after.before = place;
    this.#places.set(guest, place);
    this.#ports.changed();
  }

  #release(place: Place<Seat>): Place<Seat> {
    place.cancelDeadline();
    this.#places.delete(place.guest);
    if (place.before === undefined) this.#first = place.after;
    else place.before.after = place.after;
    if (place.after === undefined) this.#last = place.before;
    else place.after.before = place.before;
    this.#ports.changed();
    return place;
  }
}
