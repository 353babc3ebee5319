/** Logits → one token. Pure: chance is an argument. */

/** How a token is chosen. */
export interface Sampling {
  /** 0 takes the likeliest; otherwise logits are divided by it. */
  readonly temperature: number;
  /** Chooses among the likeliest tokens that together have this probability; 1 is all. */
  readonly topP: number;
  /** Chooses among this many of the likeliest tokens; 0 is all. */
  readonly topK: number;
  /** Taken from the logit of every token that the answer has already. */
  readonly presencePenalty: number;
  /** Taken from a token's logit each time that the answer has it. */
  readonly frequencyPenalty: number;
  /** Divides positive logits of tokens that prompt or answer have, and multiplies negative ones; 1 changes nothing. */
  readonly repetitionPenalty: number;
  /** Added to the logits of single tokens. */
  readonly bias: readonly (readonly [token: number, bias: number])[];
  readonly seed: number;
}

/** The likeliest token, as the model has it. */
export const greedy: Sampling = {
  ...{ temperature: 0, topP: 1, topK: 0, presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1 },
  ...{ bias: [], seed: 0 },
};

/** What a sequence has so far: times of each token in the answer, and the tokens of prompt and answer. */
export interface History {
  readonly counts: ReadonlyMap<number, number>;
  readonly seen: ReadonlySet<number>;
}

/** The seed of one of several choices. Seeds that doubles cannot count on from are mixed whole. */
export function seedOf(seed: number, choice: number): number {
  const next = seed + choice;
  return Number.isSafeInteger(next) ? next : folded(BigInt(seed) + BigInt(choice));
}

/** All 64 bits in 32, so that each counts: the multiplier and shifts are SplitMix64's. */
function folded(seed: bigint): number {
  let mixed = BigInt.asUintN(64, seed);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return Number((mixed ^ (mixed >> 31n)) & 0xffffffffn);
}

/** Source of numbers in [0, 1); equal seeds give equal numbers. Mulberry32, whose period of 2^32 no answer reaches. */
export function randomFrom(seed: number): () => number {
  let state = Math.abs(seed) < 2 ** 32 ? seed >>> 0 : folded(BigInt(seed));
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whether anything is to be done to the logits before one is chosen. */
function isPlain({ presencePenalty, frequencyPenalty, repetitionPenalty, bias }: Sampling): boolean {
  return presencePenalty === 0 && frequencyPenalty === 0 && repetitionPenalty === 1 && bias.length === 0;
}

/** The logits after penalties and biases; the same array when there are none. */
export function adjusted(logits: Float32Array, sampling: Sampling, { counts, seen }: History): Float32Array {
  if (isPlain(sampling)) return logits;
  const changed = logits.slice();
  const { presencePenalty, frequencyPenalty, repetitionPenalty, bias } = sampling;
  if (repetitionPenalty !== 1) {
    for (const token of seen) {
      const logit = changed[token] ?? 0;
      changed[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
  }
  for (const [token, count] of counts) {
    changed[token] = (changed[token] ?? 0) - presencePenalty - frequencyPenalty * count;
  }
  for (const [token, change] of bias) {
    if (token < changed.length) changed[token] = (changed[token] ?? 0) + change;
  }
  return changed;
}

/** The logits of the tokens whose bits are set, 32 to a word from the lowest on; all others are impossible. */
export function restricted(logits: Float32Array, allowed: Uint32Array): Float32Array {
  const left = logits.slice().fill(Number.NEGATIVE_INFINITY, allowed.length * 32);
  for (let index = 0; index < allowed.length; index += 1) {
    const start = index * 32;
    const word = allowed[index] ?? 0;
    // Most words have all bits or none.
    if (word === 0) left.fill(Number.NEGATIVE_INFINITY, start, start + 32);
    else
      for (let missing = ~word; missing !== 0; missing &= missing - 1)
        left[start + 31 - Math.clz32(missing & -missing)] = Number.NEGATIVE_INFINITY;
  }
  return left;
}

/** The index of the largest logit, the first of equals; -1 when none is a number. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? Number.NaN;
    if (logit > most) {
      most = logit;
      best = token;
    }
  }
  return best;
}

/** The `count` largest that are possible at all, largest first; the first of equals comes first. */
export function largest(logits: Float32Array, count: number): readonly number[] {
  // Insertion is quick for few alone.
  if (count > 64) return within(logits, logits[argmax(logits)] ?? 0, Number.POSITIVE_INFINITY).slice(0, count);
  const kept: number[] = [];
  const at = (index: number): number => logits[kept[index] ?? -1] ?? Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? Number.NaN;
    const isPossible = logit > Number.NEGATIVE_INFINITY;
    if (!isPossible || (kept.length >= count && logit <= at(kept.length - 1))) continue;
    let place = Math.min(kept.length, count - 1);
    for (; place > 0 && logit > at(place - 1); place -= 1) kept[place] = kept[place - 1] ?? -1;
    kept[place] = token;
  }
  return kept;
}

/** Tokens within `margin` of the largest logit, largest first. */
function within(logits: Float32Array, most: number, margin: number): number[] {
  const least = Math.max(most - margin, -Number.MAX_VALUE);
  const found: number[] = [];
  for (let token = 0; token < logits.length; token += 1) if ((logits[token] ?? Number.NaN) >= least) found.push(token);
  return found.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
}

/** Sum of exp((logit - most) / temperature) over some tokens, or all. */
function massOf(logits: Float32Array, most: number, temperature: number): number {
  let mass = 0;
  for (const logit of logits) if (logit > Number.NEGATIVE_INFINITY) mass += Math.exp((logit - most) / temperature);
  return mass;
}

interface Distribution {
  readonly tokens: readonly number[];
  /** Not normalised: each is relative to the likeliest, which has 1. */
  readonly weights: readonly number[];
}

/**
 * The likeliest tokens whose probabilities just reach `topP` of `mass`. Sorting a vocabulary is dear and its tail is never
 * used: only what is within a margin of the largest logit is sorted, and the margin widened until that is enough.
 */
function nucleus(logits: Float32Array, topP: number, [most, mass, temperature]: readonly number[]): Distribution {
  for (let margin = 4 * (temperature ?? 1); ; margin *= 2) {
    const tokens = within(logits, most ?? 0, margin);
    const weights: number[] = [];
    let sum = 0;
    for (const token of tokens) {
      const weight = Math.exp(((logits[token] ?? 0) - (most ?? 0)) / (temperature ?? 1));
      weights.push(weight);
      sum += weight;
      if (sum >= topP * (mass ?? 0)) return { tokens: tokens.slice(0, weights.length), weights };
    }
    if (margin > 1e4 * (temperature ?? 1)) return { tokens, weights };
  }
}

function weighed(logits: Float32Array, tokens: readonly number[], most: number, temperature: number): Distribution {
  return { tokens, weights: tokens.map((token) => Math.exp(((logits[token] ?? 0) - most) / temperature)) };
}

/** The tokens that may be chosen, and their weights. */
export function candidates(logits: Float32Array, { temperature, topP, topK }: Sampling): Distribution {
  const best = argmax(logits);
  if (best < 0) return { tokens: [], weights: [] };
  const most = logits[best] ?? 0;
  if (temperature === 0) return { tokens: [best], weights: [1] };
  if (topK > 0 && topK < logits.length) {
    const top = weighed(logits, largest(logits, topK), most, temperature);
    const mass = top.weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    const end = top.weights.findIndex((weight) => (sum += weight) >= topP * mass);
    const count = end < 0 ? top.tokens.length : end + 1;
    return { tokens: top.tokens.slice(0, count), weights: top.weights.slice(0, count) };
  }
  if (topP < 1) return nucleus(logits, topP, [most, massOf(logits, most, temperature), temperature]);
  const all = Array.from(logits.keys()).filter((token) => (logits[token] ?? Number.NaN) > Number.NEGATIVE_INFINITY);
  return weighed(logits, all, most, temperature);
}

/** As `choose` does where all tokens are candidates, without a list of them: a vocabulary may have hundreds of thousands. */
function chooseOfAll(logits: Float32Array, temperature: number, random: () => number): number {
  const best = argmax(logits);
  const most = logits[best] ?? 0;
  const weights = new Float64Array(logits.length);
  let [mass, count, last] = [0, 0, best];
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? Number.NaN;
    if (!(logit > Number.NEGATIVE_INFINITY)) continue;
    const weight = Math.exp((logit - most) / temperature);
    weights[token] = weight;
    mass += weight;
    count += 1;
    last = token;
  }
  if (count <= 1) return best;
  let left = random() * mass;
  for (let token = 0; token < weights.length; token += 1) {
    left -= weights[token] ?? 0;
    if (left < 0) return token;
  }
  return last;
}

/** One of the candidates, by chance; -1 when the logits are no numbers. `random` is in [0, 1). */
export function choose(logits: Float32Array, sampling: Sampling, random: () => number): number {
  const { temperature, topP, topK } = sampling;
  if (temperature > 0 && topP >= 1 && (topK === 0 || topK >= logits.length))
    return chooseOfAll(logits, temperature, random);
  const { tokens, weights } = candidates(logits, sampling);
  if (tokens.length <= 1) return tokens[0] ?? -1;
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return tokens[index] ?? -1;
  }
  return tokens[tokens.length - 1] ?? -1;
}

/** A token and the natural logarithm of its probability. */
export interface LogProbability {
  readonly token: number;
  readonly logprob: number;
}

/** Probabilities as the model gave them, before penalties and temperature: of the chosen token, and of the likeliest. */
export interface TokenLogProbabilities extends LogProbability {
  readonly top: readonly LogProbability[];
}

/** The log probabilities of a chosen token and of the `top` likeliest. */
export function logProbabilities(logits: Float32Array, token: number, top: number): TokenLogProbabilities {
  const most = logits[argmax(logits)] ?? 0;
  const logMass = most + Math.log(massOf(logits, most, 1));
  const of = (candidate: number): LogProbability => {
    return { token: candidate, logprob: (logits[candidate] ?? 0) - logMass };
  };
  return { ...of(token), top: top === 0 ? [] : largest(logits, top).map(of) };
}
