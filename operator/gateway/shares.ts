/**
 * Who holds how much of the memory for requests. Those of one service wait for as long as its owner says, and all others would be
 * refused if they might take the whole of it. So a service holds three quarters at most of what the others leave, and all
 * services of a namespace together seven eighths: one that is alone has most of it, and something is left for whoever comes next.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Budget, Memory } from './body.ts';

/** Nobody holds more than so many times what is free. */
const most = { service: 3, namespace: 7 } as const;

export interface Holder {
  /** Namespace and name. */
  readonly key: string;
  readonly namespace: string;
}

export class Shares {
  readonly #budget: Budget;
  /** Bytes by service and by namespace; who holds none is not in it. */
  readonly #held = new Map<string, number>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The memory as a holder sees it. */
  of(holder: Holder): Memory {
    return new Share(this.#budget, this.#held, holder);
  }
}

class Share implements Memory {
  readonly #budget: Budget;
  readonly #held: Map<string, number>;
  readonly #holder: Holder;

  constructor(budget: Budget, held: Map<string, number>, holder: Holder) {
    this.#budget = budget;
    this.#held = held;
    this.#holder = holder;
  }

  get free(): number {
    return this.#partOf(this.#budget.free);
  }
  get exhausted(): boolean {
    return this.#partOf(this.#budget.left) <= 0;
  }
  get roomy(): boolean {
    return this.#budget.roomy;
  }

  take(bytes: number): void {
    this.#budget.take(bytes);
    for (const who of [this.#holder.key, this.#holder.namespace]) {
      const held = this.#heldBy(who) + bytes;
      if (held === 0) this.#held.delete(who);
      else this.#held.set(who, held);
    }
  }

  give(bytes: number): void {
    this.take(-bytes);
  }

  #heldBy(who: string): number {
    return this.#held.get(who) ?? 0;
  }

  #partOf(free: number): number {
    const { key, namespace } = this.#holder;
    const [ofService, ofNamespace] = [most.service * free, most.namespace * free];
    return Math.min(free, ofService - this.#heldBy(key), ofNamespace - this.#heldBy(namespace));
  }
}

/** What a request takes beside its texts, with the connection it came on, and what each text takes beside its letters; measured. */
const bareBytes = { request: 16 * 1024, text: 64 } as const;

/** What a request takes in memory without its body. */
export function headBytes({ url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>): number {
  let bytes = bareBytes.request + url.length;
  for (const text of rawHeaders) bytes += bareBytes.text + text.length;
  return bytes;
}

/**
 * Holds the head of a request until its answer is out. False: there is no room for it, and it has to be refused. A refusal that
 * waits on its connection for the answers before it would keep the head meanwhile, so that such a connection is closed.
 */
export function holdHead(request: IncomingMessage, response: ServerResponse, memory: Memory): boolean {
  const bytes = headBytes(request);
  memory.take(bytes);
  response.once('close', () => memory.give(bytes));
  const room = !memory.exhausted;
  if (!room && response.socket === null) request.socket.destroy();
  return room;
}
