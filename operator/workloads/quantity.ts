/**
 * Amounts of CPU, memory and devices in their canonical form. The API server keeps that one as it is and makes it of nearly
 * every other: what is asked for in another form is not found there, and would be sent again whenever somebody looks. Pure.
 *
 * The rule is that of apimachinery's `resource.Quantity`: nothing is lost, no digit stands behind a point, and the suffix is
 * the largest that allows it. The family stays: decimal amounts (`m`, none, `k`, `M` …) go by thousands, binary ones (`Ki`,
 * `Mi` …) by 1024; but a binary amount that is less than 1024 units, or no whole number of them, becomes a decimal one.
 */
const decimal = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

interface Amount {
  /** Every amount that the CRDs admit is a whole number of thousandths. */
  readonly thousandths: bigint;
  readonly isBinary: boolean;
}

/** In canonical form. What is no amount stays as it is, for the API server to refuse. */
export function canonicalQuantity(quantity: string | number): string {
  const amount = amountOf(quantity);
  if (amount === undefined) return String(quantity);
  const { thousandths, isBinary } = amount;
  if (thousandths === 0n) return '0';
  const staysBinary = isBinary && thousandths >= 1_024_000n && thousandths % 1000n === 0n;
  return staysBinary ? written(thousandths / 1000n, 1024n, binary) : written(thousandths, 1000n, decimal);
}

/** Whole units, such as bytes or devices: `1.5Ki` is 1536. What is no amount is none. */
export const wholeUnits = (quantity: string | number): number =>
  Number((amountOf(quantity)?.thousandths ?? 0n) / 1000n);

function amountOf(quantity: string | number): Amount | undefined {
  const [, whole, fraction = '', suffix = ''] =
    /^(\d+)(?:\.(\d{1,3}))?(m|k|[MGTPE]i?|Ki)?$/.exec(String(quantity)) ?? [];
  if (whole === undefined || (suffix === 'm' && fraction !== '')) return undefined;
  if (suffix === 'm') return { thousandths: BigInt(whole), isBinary: false };
  const isBinary = suffix.endsWith('i');
  const unit = isBinary ? 1024n ** power(binary, suffix) : 1000n ** (power(decimal, suffix) - 1n);
  return { thousandths: BigInt(whole + fraction.padEnd(3, '0')) * unit, isBinary };
}

const power = (suffixes: readonly string[], suffix: string): bigint => BigInt(suffixes.indexOf(suffix));

/** Of so many of the first suffix; the next one is `base` times as much. */
function written(amount: bigint, base: bigint, [suffix = '', ...larger]: readonly string[]): string {
  if (larger.length > 0 && amount % base === 0n) return written(amount / base, base, larger);
  return `${String(amount)}${suffix}`;
}
