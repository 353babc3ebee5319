/** What a user would type: kubectl as a program, its JSON as values. The one place of demo/ that trusts the shape of what it reads. */
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Condition, KubeObject } from '../operator/kernel/objects.ts';

/** A status of one of our kinds, as far as waiting needs it. */
export interface Status {
  readonly phase?: string;
  readonly conditions?: readonly Condition[];
}

export interface Pod extends KubeObject {
  readonly spec: {
    readonly containers: readonly { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  /** How it ended before it was restarted. */
  readonly lastState?: { readonly terminated?: { readonly exitCode: number; readonly reason?: string } };
}

/** Runs a program to its end and gives its standard output; rejects with what it complained of. */
export function runProgram(
  program: string,
  args: readonly string[],
  input?: string,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 1 << 26, ...(signal === undefined ? {} : { signal }) };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(explain(program, error, stderr), { cause: error }));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

function explain(program: string, error: Error & { code?: unknown }, stderr: string): string {
  if (error.code === 'ENOENT')
    return `${program} is not on the PATH; install it, or build it with: bash cluster/cluster binaries`;
  const complaint = stderr.trim();
  return complaint === '' ? `${program}: ${error.message}` : complaint;
}

/** kubectl in one namespace of the cluster that KUBECONFIG names. */
export class Kubectl {
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  run(args: readonly string[], input?: string): Promise<string> {
    return runProgram('kubectl', ['--namespace', this.namespace, ...args], input);
  }

  apply(file: string): Promise<string> {
    return this.run(['apply', '--filename', file]);
  }

  applyObject(object: unknown): Promise<string> {
    return this.run(['apply', '--filename', '-'], JSON.stringify(object));
  }

  /** Deletes by `kind/name`, and waits until the objects and what they own are gone. */
  async remove(...names: readonly string[]): Promise<void> {
    if (names.length > 0)
      await this.run(['delete', '--ignore-not-found', '--cascade=foreground', '--timeout=90s', ...names]);
  }

  async get<T>(kind: string, name: string): Promise<T | undefined> {
    const text = await this.run(['get', kind, name, '--ignore-not-found', '--output=json']);
    return text === '' ? undefined : (JSON.parse(text) as T);
  }

  async list<T>(kind: string, selector = ''): Promise<readonly T[]> {
    const text = await this.run(['get', kind, '--selector', selector, '--output=json']);
    return (JSON.parse(text) as { readonly items: readonly T[] }).items;
  }

  /** The status of one object, now and after every change, until `signal` aborts. The object need not exist yet. */
  async *statuses<T extends Status>(kind: string, name: string, signal: AbortSignal): AsyncGenerator<T> {
    while (!signal.aborted) {
      yield* this.#watch<T>(kind, name, signal);
      await pause(500, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Waits until `judge` gives a value. Rejects with `what` and the newest state when `seconds` are over. */
  async until<T extends Status, V>(wait: Wait<T, V>): Promise<V> {
    const { kind, name, seconds, judge } = wait;
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, AbortSignal.timeout(seconds * 1000)]);
    let newest: T | undefined;
    try {
      for await (const status of this.statuses<T>(kind, name, signal)) {
        newest = status;
        const verdict = judge(status);
        if (verdict !== undefined) return verdict;
      }
    } finally {
      done.abort();
    }
    throw new Error(`${kind}/${name} ${wait.what} did not happen within ${seconds} s: ${wordsOf(newest)}`);
  }

  async *#watch<T>(kind: string, name: string, signal: AbortSignal): AsyncGenerator<T> {
    const only = ['--field-selector', `metadata.name=${name}`, '--watch', '--output=jsonpath={.status}{"\\n"}'];
    const child = spawn('kubectl', ['--namespace', this.namespace, 'get', kind, ...only], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const stop = (): boolean => child.kill();
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', () => undefined);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const status = parsed(line);
        if (status !== undefined) yield status as T;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      child.kill();
    }
  }
}

export interface Wait<T extends Status, V> {
  readonly kind: string;
  readonly name: string;
  readonly seconds: number;
  /** What is waited for, as in "digits becoming ready". */
  readonly what: string;
  /** A value ends the wait; undefined goes on; throwing gives up. */
  readonly judge: (status: T) => V | undefined;
}

/** Undefined for an empty line, and for one torn off when kubectl was stopped. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

export const conditionOf = (status: Status | undefined, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** Phase and conditions in one line, for a person. */
export function wordsOf(status: Status | undefined): string {
  if (status === undefined) return 'it has no status';
  const conditions = (status.conditions ?? []).map(
    ({ type, status: value, reason, message }) => `${type}=${value} (${reason}: ${message})`,
  );
  return [`phase ${status.phase ?? 'unknown'}`, ...conditions].join('; ');
}
