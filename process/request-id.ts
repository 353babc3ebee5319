/** How a request is named in answers, logs and traces, by every process that it passes. */

/** Printable ASCII without blanks: it goes into headers and logs as it is. */
const acceptable = /^[\x21-\x7e]{1,128}$/;

/** The caller's `x-request-id` where it is fit to be repeated, otherwise a new one. */
export function requestIdOf(given: unknown, newId: () => string): string {
  return typeof given === 'string' && acceptable.test(given) ? given : newId();
}

/** Version, trace, parent, flags; neither trace nor parent is all zeros, and versions to come may have more after a hyphen. */
const traceParent = /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

/**
 * The trace that a `traceparent` header belongs to, 32 hexadecimal digits; undefined without a valid one.
 * Source: W3C Trace Context, section 3.2, "Traceparent Header".
 */
export function traceIdOf(given: unknown): string | undefined {
  const match = typeof given === 'string' ? traceParent.exec(given) : null;
  const isWhole = match !== null && (match[1] !== '00' || match[3] === '');
  return isWhole ? match[2] : undefined;
}
