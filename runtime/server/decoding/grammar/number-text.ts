/**
 * A JSON number, byte by byte. Bounded, so that no model writes digits for ever and no number is infinite when it is read:
 * 21 digits before the point, 24 after it, two of the exponent. Pure.
 */

type Phase = 'start' | 'sign' | 'zero' | 'whole' | 'point' | 'fraction' | 'e' | 'exponentSign' | 'exponent';

/** Where in a number a text is. */
export interface NumberPlace {
  readonly phase: Phase;
  /** Of this phase. */
  readonly digits: number;
}

const digitLimits: Partial<Record<Phase, number>> = { whole: 21, fraction: 24, exponent: 2 };

/** Whether a number may end. */
export function numberEnds({ phase }: NumberPlace): boolean {
  return phase === 'zero' || phase === 'whole' || phase === 'fraction' || phase === 'exponent';
}

/** Before the first byte. */
export const numberStart: NumberPlace = { phase: 'start', digits: 0 };

const digitLeadsTo: Readonly<Record<Phase, Phase | undefined>> = {
  start: 'whole',
  sign: 'whole',
  zero: undefined,
  whole: 'whole',
  point: 'fraction',
  fraction: 'fraction',
  e: 'exponent',
  exponentSign: 'exponent',
  exponent: 'exponent',
};

function afterDigit({ phase, digits }: NumberPlace, digit: string): NumberPlace | undefined {
  if (digit === '0' && (phase === 'start' || phase === 'sign')) return { phase: 'zero', digits: 0 };
  const next = digitLeadsTo[phase];
  if (next === undefined) return undefined;
  const count = next === phase ? digits + 1 : 1;
  return count > (digitLimits[next] ?? 0) ? undefined : { phase: next, digits: count };
}

const signs: Readonly<Record<string, Partial<Record<Phase, Phase>>>> = {
  '-': { start: 'sign', e: 'exponentSign' },
  '+': { e: 'exponentSign' },
  '.': { zero: 'point', whole: 'point' },
  e: { zero: 'e', whole: 'e', fraction: 'e' },
  E: { zero: 'e', whole: 'e', fraction: 'e' },
};

/** The place after one more byte; undefined where it cannot follow. A whole number has neither point nor exponent. */
export function inNumber(place: NumberPlace, byte: number, whole: boolean): NumberPlace | undefined {
  const letter = String.fromCharCode(byte);
  if (letter >= '0' && letter <= '9') return afterDigit(place, letter);
  const phase = signs[letter]?.[place.phase];
  return phase === undefined || (whole && phase !== 'sign') ? undefined : { phase, digits: 0 };
}
