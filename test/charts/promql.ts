/** PromQL, read by Prometheus' own grammar: which series an expression selects, and which labels it sorts them by. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** One series selector: the metric, what its labels must be, and the labels that it is grouped or matched by. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
  readonly groupedBy: readonly string[];
}

const descendants = (node: SyntaxNode, name: string): readonly SyntaxNode[] => {
  const found: SyntaxNode[] = [];
  node.cursor().iterate((inner) => {
    if (inner.name === name) found.push(inner.node);
  });
  return found;
};

/** The aggregations and comparisons of vectors that a selector stands in. */
function* around(node: SyntaxNode): Generator<SyntaxNode> {
  for (let outer = node.parent; outer !== null; outer = outer.parent) yield outer;
}

/** The lists of labels that belong to a node itself: `by (...)` of an aggregation, `on (...)` of an operator. */
const labelsOf = (node: SyntaxNode): readonly SyntaxNode[] =>
  ['AggregateModifier', 'MatchingModifierClause'].flatMap((name) =>
    node.getChildren(name).flatMap((modifier) => descendants(modifier, 'LabelName')),
  );

/** Every selector of an expression. Throws when it is not PromQL. */
export function selectorsOf(expression: string): readonly Selector[] {
  const root = parser.parse(expression).topNode;
  const text = ({ from, to }: SyntaxNode): string => expression.slice(from, to);
  root.cursor().iterate(({ type, from }) => {
    if (type.isError) throw new Error(`not PromQL at ${String(from)}: ${expression.slice(from)}`);
  });
  return descendants(root, 'VectorSelector').map((selector) => ({
    metric: descendants(selector, 'Identifier').map(text).join(),
    matchers: descendants(selector, 'UnquotedLabelMatcher').map((matcher) => ({
      label: descendants(matcher, 'LabelName').map(text).join(),
      operator: descendants(matcher, 'MatchOp').map(text).join(),
      value: descendants(matcher, 'StringLiteral').map(text).join().slice(1, -1),
    })),
    groupedBy: [...around(selector)].flatMap(labelsOf).map(text),
  }));
}
