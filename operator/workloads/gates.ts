/** Evaluation gates: is what was measured good enough? Pure. */

export interface Gate {
  readonly metric: string;
  readonly atLeast: number;
}

export interface GateVerdict {
  readonly met: boolean;
  /** One sentence with value, bound and n of every gate that decides. */
  readonly message: string;
}

const figure = (value: number): string => String(Number(value.toFixed(4)));

/** A gate on something that was not measured is not met. */
export function judgeGates(
  gates: readonly Gate[],
  measured: Readonly<Record<string, number | undefined>>,
  samples: number,
): GateVerdict {
  const failed = gates.filter(({ metric, atLeast }) => !((measured[metric] ?? NaN) >= atLeast));
  if (failed.length > 0)
    return {
      met: false,
      message: `${failed.map((gate) => missed(gate, measured)).join('; ')} (n=${String(samples)}).`,
    };
  if (gates.length === 0) return { met: true, message: 'The model is exported; there are no gates.' };
  const held = gates.map(({ metric, atLeast }) => `${metric} ${figure(measured[metric] ?? NaN)} ≥ ${String(atLeast)}`);
  return { met: true, message: `${held.join(', ')} (n=${String(samples)}).` };
}

function missed({ metric, atLeast }: Gate, measured: Readonly<Record<string, number | undefined>>): string {
  const value = measured[metric];
  return value === undefined
    ? `${metric} was not measured, at least ${String(atLeast)} is wanted`
    : `${metric} is ${figure(value)}, at least ${String(atLeast)} is wanted`;
}
