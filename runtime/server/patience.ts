/**
 * How long the caller of an HTTP request waits, by the header `grpc-timeout`. It is gRPC's own word for a deadline, which
 * gateways to gRPC take on plain HTTP requests, too; it says its unit, goes with every body, and nobody sends it unasked. What
 * SDKs and proxies send of their own accord (`X-Stainless-Timeout`, `x-envoy-expected-rq-timeout-ms`) is not read: it may be cut
 * to whole seconds, or mean the time between two bytes, and when it is over they hang up, which is noticed anyway.
 */
import { sleep, systemClock } from '../../process/clock.ts';
import { timeoutMsOf } from '../../process/grpc-timeout.ts';
import type { Caller } from './batcher.ts';
import { abandoned, expired, invalid, Refusal, unfinished } from './protocol/errors.ts';

/** The milliseconds of a header. Refuses what is none. */
export function patienceOf(header: string): number {
  const patienceMs = timeoutMsOf(header);
  if (patienceMs !== undefined) return patienceMs;
  throw invalid(
    `the header grpc-timeout '${header.slice(0, 40)}' is not 1 to 8 digits, above 0, and one of the units H, M, S, m, u, n`,
  );
}

/** Refuses to go on with what takes its time, such as many pictures or long texts, where nobody waits for it any more. */
export function requireCaller({ aborted, patienceMs = Infinity }: Caller): void {
  if (aborted) throw abandoned();
  if (patienceMs <= 0) throw expired();
}

/** Waits for something for as long as a caller waits. It goes on by itself: others may wait for it as well. */
export async function inTime<T>(something: Promise<T>, { patienceMs }: Caller): Promise<T> {
  if (patienceMs === undefined) return something;
  const over = new AbortController();
  const late = sleep(systemClock, patienceMs, over.signal).then(() => Promise.reject(expired()));
  try {
    return await Promise.race([something, late]);
  } finally {
    over.abort();
  }
}

/** Does what takes many runs of a model. Which of them came too late is nothing to the caller: the whole did. */
export async function wholly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Refusal && error.fault.kind === 'expired' ? unfinished() : error;
  }
}
