/** The error union as gRPC status codes. */
import type { Fault } from '../protocol/errors.ts';

/** Numbers as the gRPC specification has them. */
const codes = {
  invalid: 3, // INVALID_ARGUMENT
  forbidden: 7, // PERMISSION_DENIED
  notFound: 5, // NOT_FOUND
  methodNotAllowed: 12, // UNIMPLEMENTED
  tooLarge: 8, // RESOURCE_EXHAUSTED
  unsupportedEncoding: 12, // UNIMPLEMENTED
  queueFull: 8, // RESOURCE_EXHAUSTED
  unavailable: 14, // UNAVAILABLE
  expired: 4, // DEADLINE_EXCEEDED
  hung: 4, // As of a replica that does not answer; UNAVAILABLE is tried again.
  abandoned: 1, // CANCELLED
  internal: 13, // INTERNAL
} as const satisfies Record<Fault['kind'], number>;

/** Most letters of a sentence; it travels in a header, where each may take nine. */
const detailsLimit = 1_000;

/** What a caller is told: percent-encoded on its way, which half a letter, cut off or sent by the caller, cannot be. */
export const detailsOf = (message: string): string => message.slice(0, detailsLimit).toWellFormed();

/** The status code of a fault. */
export function codeOf(fault: Fault): number {
  return codes[fault.kind];
}
