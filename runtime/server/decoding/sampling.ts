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

const isPossible = (logit: number): boolean => logit > Number.NEGATIVE_INFINITY;

/** The tokens with a logit above some value; those that are possible at all, unless it is given. */
function above(logits: Float32Array, least = Number.NEGATIVE_INFINITY): Uint32Array {
  const tokens = new Uint32Array(logits.length);
  let count = 0;
  for (let token = 0; token < logits.length; token += 1) {
    if (!((logits[token] ?? Number.NaN) > least)) continue;
    tokens[count] = token;
    count += 1;
  }
  return tokens.subarray(0, count);
}

type ShareOf = (token: number) => number;

/** Puts those first that are likelier than one of them, and that one behind them: where it is, and what they share. */
function divided(
  logits: Float32Array,
  tokens: Uint32Array,
  shareOf: ShareOf,
  chosen: number,
): readonly [place: number, share: number] {
  const pivot = tokens[chosen] ?? 0;
  const limit = logits[pivot] ?? 0;
  tokens[chosen] = tokens[0] ?? 0;
  let [place, share] = [0, 0];
  for (let index = 1; index < tokens.length; index += 1) {
    const token = tokens[index] ?? 0;
    const logit = logits[token] ?? 0;
    if (logit < limit || (logit === limit && token > pivot)) continue;
    place += 1;
    tokens[index] = tokens[place] ?? 0;
    tokens[place] = token;
    share += shareOf(token);
  }
  tokens[0] = tokens[place] ?? 0;
  tokens[place] = pivot;
  return [place, share];
}

/**
 * The fewest likeliest of some tokens whose shares reach `goal` together, or all, in any order; the first of equals is likelier.
 * Hoare's selection, by shares: to sort a vocabulary takes ten times as long. Reorders the tokens.
 */
function leading(logits: Float32Array, tokens: Uint32Array, shareOf: ShareOf, goal: number): Uint32Array {
  // By chance, since in some order of the tokens every fixed place is a bad one; always the same, so that a seed says all.
  const random = randomFrom(0);
  // Those before `low` are among them, those from `high` on are not.
  let [low, high, missing] = [0, tokens.length, goal];
  while (low < high) {
    const chosen = Math.floor(random() * (high - low));
    const [place, share] = divided(logits, tokens.subarray(low, high), shareOf, chosen);
    const own = shareOf(tokens[low + place] ?? 0);
    if (share >= missing) high = low + place;
    else if (share + own >= missing) return tokens.subarray(0, low + place + 1);
    else [low, missing] = [low + place + 1, missing - share - own];
  }
  return tokens.subarray(0, low);
}

/** The `count` largest that are possible at all, largest first; the first of equals comes first. */
export function largest(logits: Float32Array, count: number): readonly number[] {
  // Insertion is quick for few alone.
  if (count > 64) {
    const tokens = leading(logits, above(logits), () => 1, count);
    return [...tokens].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  }
  const kept: number[] = [];
  const at = (index: number): number => logits[kept[index] ?? -1] ?? Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? Number.NaN;
    if (!isPossible(logit) || (kept.length >= count && logit <= at(kept.length - 1))) continue;
    let place = Math.min(kept.length, count - 1);
    for (; place > 0 && logit > at(place - 1); place -= 1) kept[place] = kept[place - 1] ?? -1;
    kept[place] = token;
  }
  return kept;
}

/** Of each of some tokens exp((logit - most) / temperature), relative to the likeliest, which has 1. */
function weightsOf(logits: Float32Array, tokens: Uint32Array, most: number, temperature: number): ShareOf {
  const weigh: ShareOf = (token) => Math.exp(((logits[token] ?? 0) - most) / temperature);
  // For few the room of a vocabulary costs more than to reckon again.
  if (tokens.length < logits.length / 16) return weigh;
  const weights = new Float64Array(logits.length);
  for (const token of tokens) weights[token] = weigh(token);
  return (token) => weights[token] ?? 0;
}

function massOf(tokens: Uint32Array, weightOf: ShareOf): number {
  let mass = 0;
  for (const token of tokens) mass += weightOf(token);
  return mass;
}

/** Of some of the likeliest tokens those whose weights just reach a share of all. */
function nucleus(logits: Float32Array, tokens: Uint32Array, weightOf: ShareOf, [share, near]: readonly number[]) {
  const goal = (share ?? 1) * massOf(tokens, weightOf);
  // Most often a few are enough, and found without the tail.
  const first = above(logits, near);
  const enough = first.length < tokens.length && massOf(first, weightOf) >= goal ? first : tokens;
  return leading(logits, enough, weightOf, goal);
}

/** One of some places, as likely as its weight says. Leaves sums in the place of the weights. */
function drawn(weights: Float64Array, random: () => number): number {
  let sum = 0;
  for (let place = 0; place < weights.length; place += 1) {
    sum += weights[place] ?? 0;
    weights[place] = sum;
  }
  const goal = random() * sum;
  // The first whose sum is above it; that of the last is.
  let [low, high] = [0, weights.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((weights[middle] ?? 0) > goal) high = middle;
    else low = middle + 1;
  }
  return low;
}

function drawnOf(tokens: Uint32Array, weightOf: ShareOf, random: () => number): number {
  const weights = new Float64Array(tokens.length);
  for (let place = 0; place < tokens.length; place += 1) weights[place] = weightOf(tokens[place] ?? 0);
  return tokens[drawn(weights, random)] ?? -1;
}

/** Of all tokens: as most are chosen, and without a list of them in a third of the time. */
function drawnOfAll(logits: Float32Array, most: number, temperature: number, random: () => number): number {
  const weights = new Float64Array(logits.length);
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? Number.NaN;
    if (isPossible(logit)) weights[token] = Math.exp((logit - most) / temperature);
  }
  return drawn(weights, random);
}

/** One of the tokens that may be chosen, by chance; -1 when the logits are no numbers. `random` is in [0, 1). */
export function choose(logits: Float32Array, { temperature, topP, topK }: Sampling, random: () => number): number {
  const best = argmax(logits);
  const most = logits[best] ?? 0;
  if (best < 0 || temperature === 0 || most === Infinity) return best;
  const hasTopK = topK > 0 && topK < logits.length;
  if (topP >= 1 && !hasTopK) return drawnOfAll(logits, most, temperature, random);
  const likely = hasTopK ? Uint32Array.from(largest(logits, topK)) : above(logits);
  const weightOf = weightsOf(logits, likely, most, temperature);
  const tokens = topP < 1 ? nucleus(logits, likely, weightOf, [topP, most - 8 * temperature]) : likely;
  return tokens.length > 1 ? drawnOf(tokens, weightOf, random) : best;
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
  let mass = 0;
  for (const logit of logits) if (isPossible(logit)) mass += Math.exp(logit - most);
  const logMass = most + Math.log(mass);
  const of = (candidate: number): LogProbability => {
    return { token: candidate, logprob: (logits[candidate] ?? 0) - logMass };
  };
  return { ...of(token), top: top === 0 ? [] : largest(logits, top).map(of) };
}
