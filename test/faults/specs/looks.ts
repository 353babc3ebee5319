/** What rules look at in a spec that may hold anything. */

export type Json = Readonly<Record<string, unknown>>;

export const asJson = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

export type Check = (self: Json) => boolean;

export const number = (value: unknown): number => Number(value);

export const gatesOf = (spec: Json): readonly Json[] => {
  const { gates } = asJson(spec['evaluation']);
  return Array.isArray(gates) ? gates.map(asJson) : [];
};

export const isIn = (names: readonly string[], { metric }: Json): boolean => names.includes(String(metric));

export type CrossRule = readonly [message: string, check: Check];

export const hasFormat = ({ format }: Json, ...formats: readonly string[]): boolean => formats.includes(String(format));
