/** Sides of a comparison measured in turn, round by round, so that a noisy machine disturbs all alike. */
import { spread, spreadText, type Spread } from './measure.ts';

/** What one round found of each side. */
export type Round<Side extends string = string> = Readonly<Record<Side, number>>;

/** Measures all sides in every round; those of the first `warmUps` rounds do not count. */
export async function inTurn<Side extends string>(
  sides: Readonly<Record<Side, () => Promise<number>>>,
  rounds: number,
  warmUps = 1,
): Promise<readonly Round<Side>[]> {
  const found: Round<Side>[] = [];
  for (let round = -warmUps; round < rounds; round += 1) {
    const one: Partial<Record<Side, number>> = {};
    for (const side of Object.keys(sides) as Side[]) one[side] = await sides[side]();
    if (round >= 0) found.push(one as Round<Side>);
  }
  return found;
}

export const rateOf = <Side extends string>(rounds: readonly Round<Side>[], side: Side): Spread =>
  spread(rounds.map((round) => round[side]));

/** Of two sides, each time within one round. */
const ratioOf = <Side extends string>(rounds: readonly Round<Side>[], [side, other]: readonly [Side, Side]): Spread =>
  spread(rounds.map((round) => round[side] / round[other]));

/** Says how one side stands beside another, and returns their ratio. */
export function compared<Side extends string>(
  name: string,
  rounds: readonly Round<Side>[],
  pairing: readonly [Side, Side],
): Spread {
  const ratio = ratioOf(rounds, pairing);
  const rates = pairing.map((side) => `${side} ${rateOf(rounds, side).median}`);
  console.log(`${name}: ${rates.join(', ')}, ratio ${spreadText(ratio)}`);
  return ratio;
}
