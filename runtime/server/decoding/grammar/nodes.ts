/** Builds a grammar: equal nodes are one, and choices among choices become one choice. */
import { readingLimit, type Grammar, type Node } from './grammar.ts';
import { fault } from './keywords.ts';

/**
 * Most alternatives of all choices together, those of choices among them counted in each: a short schema of choices of
 * choices would have millions.
 */
const alternativesLimit = 50_000;

/** Nodes under construction. */
export class Nodes {
  readonly #nodes: (Node | undefined)[] = [];
  readonly #known = new Map<string, number>();
  #alternativesLeft = alternativesLimit;

  /** The index of a node. */
  add(node: Node): number {
    const key = JSON.stringify(node);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, this.#nodes.length);
    return this.#nodes.push(node) - 1;
  }

  /** An index for a node that is not known yet; it may refer to itself. */
  reserve(): number {
    return this.#nodes.push(undefined) - 1;
  }

  /** What a reserved node is: the same as another. */
  resolve(reserved: number, node: number): void {
    this.#nodes[reserved] = { kind: 'choice', of: [node] };
  }

  /** One of some nodes. */
  choice(of: readonly number[]): number {
    const [only] = of;
    return of.length === 1 && only !== undefined ? only : this.add({ kind: 'choice', of });
  }

  /** Whether a choice comes back to itself with nothing but choices in between: no letter would ever be written. */
  get circular(): boolean {
    const users = new Map<number, number[]>();
    const waiting = new Map<number, number>();
    for (const [index, node] of this.#nodes.entries()) {
      if (node?.kind !== 'choice') continue;
      const choices = node.of.filter((each) => this.#nodes[each]?.kind === 'choice');
      waiting.set(index, choices.length);
      for (const each of choices) {
        const using = users.get(each);
        if (using === undefined) users.set(each, [index]);
        else using.push(index);
      }
    }
    const settled = [...waiting].filter(([, count]) => count === 0).map(([index]) => index);
    for (const index of settled) {
      for (const user of users.get(index) ?? []) {
        const left = (waiting.get(user) ?? 0) - 1;
        waiting.set(user, left);
        if (left === 0) settled.push(user);
      }
    }
    return settled.length < waiting.size;
  }

  /** The grammar with the given root; refused where it has too many alternatives. */
  grammar(root: number): Grammar {
    const nodes = this.#nodes.map((node): Node => {
      return node?.kind === 'choice' ? { kind: 'choice', of: this.#alternatives(node.of) } : (node ?? nothing);
    });
    return { nodes, root };
  }

  /** What a choice comes to, each alternative once; followed without recursion, since choices may go in circles. */
  #alternatives(of: readonly number[]): readonly number[] {
    const seen = new Set<number>();
    const found: number[] = [];
    const ahead = [...of].reverse();
    for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      this.#alternativesLeft -= 1;
      if (this.#alternativesLeft < 0) throw fault('#', `more than ${alternativesLimit} alternatives`);
      const node = this.#nodes[next];
      if (node?.kind !== 'choice') found.push(next);
      else for (const each of node.of.toReversed()) ahead.push(each);
      if (found.length > readingLimit) throw fault('#', `more than ${readingLimit} alternatives of one value`);
    }
    return found;
  }
}

const nothing: Node = { kind: 'choice', of: [] };
