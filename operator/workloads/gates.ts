/** Evaluation gates: is what was measured good enough? Pure. */

/** One bound: exactly one of `atLeast` and `atMost`, as the CRD makes sure. */
export interface Gate {
  readonly metric: string;
  /** Label of a class, for what is measured of each class. */
  readonly class?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a gate looks at: value, 95 % interval where there is one, samples, and whose it is where it is a class's. */
export interface Measured {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  readonly n: number;
  readonly class?: string;
}

export interface GateVerdict {
  readonly met: boolean;
  /** One sentence with value, bound, interval and n of every gate that decides. */
  readonly message: string;
}

interface Judged {
  readonly gate: Gate;
  readonly measured: Measured | undefined;
}

/** `measured`: one for each gate, in their order. A gate on something that was not measured is not met. */
export function judgeGates(gates: readonly Gate[], measured: readonly (Measured | undefined)[]): GateVerdict {
  if (gates.length === 0) return { met: true, message: 'The model is exported; there are no gates.' };
  const judged = gates.map((gate, at) => ({ gate, measured: measured[at] }));
  const failed = judged.filter((one) => !holds(one));
  const sentences = failed.length > 0 ? failed.map(missed).join('; ') : judged.map(held).join(', ');
  return { met: failed.length === 0, message: `${sentences}.` };
}

/** NaN holds no bound. */
const holds = ({ gate: { atLeast, atMost }, measured: { value } = { value: NaN, n: 0 } }: Judged): boolean =>
  atMost === undefined ? value >= (atLeast ?? NaN) : value <= atMost;

function held({ gate, measured }: Judged): string {
  const bound = gate.atMost === undefined ? `≥ ${String(gate.atLeast)}` : `≤ ${String(gate.atMost)}`;
  return `${nameOf(gate, measured)} ${figure(measured?.value ?? NaN, 6)} ${bound} (${evidence(measured)})`;
}

function missed({ gate, measured }: Judged): string {
  const bound = gate.atMost === undefined ? `at least ${String(gate.atLeast)}` : `at most ${String(gate.atMost)}`;
  if (measured === undefined) return `${nameOf(gate, measured)} was not measured, ${bound} is wanted`;
  return `${nameOf(gate, measured)} is ${figure(measured.value, 6)}, ${bound} is wanted (${evidence(measured)})`;
}

const nameOf = ({ metric, class: wanted }: Gate, measured: Measured | undefined): string => {
  const label = measured?.class ?? wanted;
  return label === undefined ? metric : `${metric} of class ${label}`;
};

function evidence(measured: Measured | undefined): string {
  const { low, high, n } = measured ?? { n: 0 };
  const interval = low === undefined || high === undefined ? '' : `95 % ${figure(low, 3)} to ${figure(high, 3)}, `;
  return `${interval}n=${String(n)}`;
}

const figure = (value: number, digits: number): string => String(Number(value.toPrecision(digits)));
