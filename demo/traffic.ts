/** Requests as a client of the Open Inference Protocol sends them, over kept-alive connections, and a count of what became of them. */
import { Pool } from 'undici';
import type { Summary } from './summary.ts';

/** What became of the requests. sent = answered + failed once all are over. */
export class Tally {
  sent = 0;
  answered = 0;
  failed = 0;
  /** Answered, but not with what was expected. */
  wrong = 0;
  /** The first few reasons of failure. */
  readonly reasons: string[] = [];

  /** The numbers as they are now. */
  get counts(): Summary['requests'] {
    const { sent, answered, failed, wrong, reasons } = this;
    return { sent, answered, failed, wrong, reasons: [...reasons] };
  }

  fail(reason: string): void {
    this.failed += 1;
    if (this.reasons.length < 3 && !this.reasons.includes(reason)) this.reasons.push(reason);
  }
}

/** A request that was made before, and what it should be answered. */
export interface Prepared {
  readonly body: string;
  /** Classes by sample, where they are known. */
  readonly expected?: readonly number[];
}

interface InferenceBody {
  readonly outputs: readonly { readonly data: readonly number[]; readonly shape: readonly number[] }[];
}

export interface Model {
  /** http://host:port */
  readonly url: string;
  readonly namespace: string;
  readonly name: string;
  readonly input: { readonly name: string; readonly datatype: string; readonly shape: readonly number[] };
}

/** The body of one request for some samples. */
export const bodyOf = ({ input }: Model, samples: readonly (readonly number[])[]): string =>
  JSON.stringify({
    inputs: [{ ...input, shape: [samples.length, ...input.shape.slice(1)], data: samples.flat() }],
  });

/** Index of the largest value of each row of [n, classes]. */
export function classesOf({
  data,
  shape,
}: {
  readonly data: readonly number[];
  readonly shape: readonly number[];
}): readonly number[] {
  const [rows = 0, width = 0] = shape;
  return Array.from({ length: rows }, (_, row) => {
    const scores = data.slice(row * width, (row + 1) * width);
    return scores.indexOf(Math.max(...scores));
  });
}

/** One model behind one gateway. */
export class Client {
  readonly #pool: Pool;
  readonly #path: string;
  readonly tally: Tally;

  constructor(model: Model, connections: number, tally: Tally) {
    this.#pool = new Pool(model.url, { connections, headersTimeout: 90_000, bodyTimeout: 90_000 });
    this.#path = `/namespaces/${model.namespace}/services/${model.name}/v2/models/${model.name}/infer`;
    this.tally = tally;
  }

  /** The predicted classes; undefined when the request failed, which the tally then knows. */
  async infer({ body, expected }: Prepared): Promise<readonly number[] | undefined> {
    this.tally.sent += 1;
    const answer = await this.#ask(body).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    if (typeof answer === 'string') {
      this.tally.fail(answer);
      return undefined;
    }
    this.tally.answered += 1;
    if (expected !== undefined && expected.join() !== answer.join()) this.tally.wrong += 1;
    return answer;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #ask(body: string): Promise<readonly number[]> {
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body: stream } = await this.#pool.request({ method: 'POST', path: this.#path, headers, body });
    const text = await stream.text();
    if (statusCode !== 200) throw new Error(`HTTP ${statusCode}: ${text.slice(0, 200)}`);
    const [output] = (JSON.parse(text) as InferenceBody).outputs;
    if (output === undefined) throw new Error('an answer without outputs');
    return classesOf(output);
  }
}

/** Closed loop: each of `clients` sends its next request when the last one is over, until `signal` aborts; `requests` take turns. */
export async function closedLoop(
  client: Client,
  requests: readonly Prepared[],
  clients: number,
  signal: AbortSignal,
): Promise<void> {
  const loop = async (first: number): Promise<void> => {
    for (let turn = first; !signal.aborted; turn += 1) {
      const request = requests[turn % requests.length];
      if (request !== undefined) await client.infer(request);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, first) => loop(first)));
}
