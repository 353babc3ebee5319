/** The header `grpc-timeout`, gRPC's word for how long a caller waits: 1 to 8 digits and a unit. Pure. */

/** Milliseconds, from the finest. */
const unitsMs: Readonly<Record<string, number>> = { n: 1e-6, u: 1e-3, m: 1, S: 1000, M: 60_000, H: 3_600_000 };

const tooMany = 1e8;

/** The milliseconds of a header; undefined for what gRPC's specification does not know, and for 0, which would ask for no answer. */
export function timeoutMsOf(header: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  const timeoutMs = Number(digits) * (unitsMs[unit] ?? 0);
  return timeoutMs > 0 ? timeoutMs : undefined;
}

/** The header of some milliseconds, in the finest unit that can say them: never more of them, and never 0. */
export function timeoutOf(timeoutMs: number): string {
  for (const [unit, unitMs] of Object.entries(unitsMs)) {
    const count = Math.floor(timeoutMs / unitMs);
    if (count < tooMany) return `${Math.max(1, count)}${unit}`;
  }
  return `${tooMany - 1}H`;
}
