/** Amounts as somebody may declare them, and as the API server stores them; test/integration asks it whether that is so. */
type Pair = readonly [declared: string | number, stored: string];

const same = (...texts: readonly string[]): readonly Pair[] => texts.map((text) => [text, text]);

/** No digit behind a point. */
const broken: readonly Pair[] = [
  ['0.5', '500m'],
  ['1.5', '1500m'],
  ['0.25', '250m'],
  ['0.001', '1m'],
  ['0.5k', '500'],
  ['1.5G', '1500M'],
  ['0.5Gi', '512Mi'],
  ['1.5Gi', '1536Mi'],
  ['1.25Mi', '1280Ki'],
  ['1.125Ki', '1152'],
];

/** The largest suffix. */
const long: readonly Pair[] = [
  ['1000m', '1'],
  ['2000m', '2'],
  ['1000000m', '1k'],
  ['1000M', '1G'],
  ['16384000', '16384k'],
  ['2000000000', '2G'],
  ['1000000T', '1E'],
  ['1024Mi', '1Gi'],
  ['2048Ki', '2Mi'],
  ['1048576Ki', '1Gi'],
  ['1024Ti', '1Pi'],
];

/** Binary amounts of less than 1024 units, or of no whole number of them, are decimal. */
const few: readonly Pair[] = [
  ['0.5Ki', '512'],
  ['0.001Ki', '1024m'],
  ['0.999Ki', '1022976m'],
  ['1.001Mi', '1049624576m'],
  ['16384.001Ki', '16777217024m'],
];

/** Zeros that say nothing. */
const zeros: readonly Pair[] = [
  ['0m', '0'],
  ['0Mi', '0'],
  ['0.000', '0'],
  ['1.0', '1'],
  ['1.50', '1500m'],
  ['1.0Ki', '1Ki'],
  ['2.000Gi', '2Gi'],
];

/** The API server may leave these as they were written; in the canonical form they stay, too. */
export const leftAlone: readonly Pair[] = [
  ['007', '7'],
  ['08Gi', '8Gi'],
  ['1.125', '1125m'],
  ['1.250', '1250m'],
  ['16.777G', '16777M'],
];

const numbers: readonly Pair[] = [
  [0, '0'],
  [1, '1'],
  [2000, '2k'],
  [16_777_216, '16777216'],
  [20_000_000, '20M'],
];

export const quantityPairs: readonly Pair[] = [
  ...same('0', '1', '1k', '500m', '1001m', '1024', '134217728', '1500M', '512Mi', '1000Mi', '1025Mi', '2Gi', '64Ti'),
  ...[broken, long, few, zeros, numbers].flat(),
];
