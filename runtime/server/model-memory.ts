/** What one model has of the memory of the process, is about to have, or would have. */
import { loadBytes, type Demand } from './demand.ts';
import { sessionBytes, type Isolation } from './isolation/peer.ts';
import type { Arrival, Claimed, Memory, MemoryShare, Tenant } from './memory.ts';
import { parallelismOf, type Means } from './parallelism.ts';
import type { ModelSource } from './repository.ts';

/** How its sessions live. */
export interface SessionMeans extends Means {
  readonly isolation: Isolation;
}

/** Lives as long as the model. */
export class ModelMemory {
  readonly #memory: Memory;
  readonly #source: Pick<ModelSource, 'bytes'>;
  readonly #means: SessionMeans;
  /** Undefined while it is not loaded, nor being loaded. */
  #share: MemoryShare | undefined;

  constructor(memory: Memory, source: Pick<ModelSource, 'bytes'>, means: SessionMeans) {
    this.#memory = memory;
    this.#source = source;
    this.#means = means;
  }

  /** How many sessions it has, or will have where there is room. */
  get sessions(): number {
    const { bytes } = this.#source;
    return this.#share?.holding?.sessions ?? parallelismOf(this.#means, { bytes, single: false }).instances;
  }

  /** What its weights take in every session, those sessions that are processes, and keys and values where it has them. */
  get bytes(): number {
    const { holding } = this.#share ?? {};
    if (holding !== undefined) return holding.sessionBytes + holding.keyValueBytes;
    return this.sessions * (this.#source.bytes + sessionBytes[this.#means.isolation]);
  }

  /** What loading it takes, as far as that is known before. */
  get loadBytes(): number {
    return this.sessions * this.#sessionLoadBytes;
  }

  /** A load begins; what is returned sets aside what it needs. */
  enter(tenant: Tenant, arrival: Arrival, signal: AbortSignal): (demand: Demand) => Promise<Claimed> {
    const share = this.#memory.enter(tenant, this.#sessionLoadBytes, arrival);
    this.#share = share;
    return (demand) => this.#memory.claim(share, demand, signal);
  }

  /** The load is over: what it took beside the model comes back. */
  loaded(): void {
    if (this.#share !== undefined) this.#memory.loaded(this.#share);
  }

  /** The load has failed, or the model has ended. */
  leave(): void {
    if (this.#share !== undefined) this.#memory.leave(this.#share);
    this.#share = undefined;
  }

  /** Of one session, as its file looks from outside. */
  get #sessionLoadBytes(): number {
    return loadBytes({ fileBytes: this.#source.bytes, processBytes: sessionBytes[this.#means.isolation] });
  }
}
