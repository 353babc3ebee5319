/** What NetworkPolicies let through, by the rules of networking.k8s.io/v1. Both ends must admit a connection. */

export interface Place {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of the ports of its containers. */
  readonly ports: Readonly<Record<string, number>>;
}

interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string }[];
}

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
}

interface PolicyPort {
  readonly port: number | string;
  readonly protocol?: 'TCP' | 'UDP';
}

interface IngressRule {
  readonly from?: readonly Peer[];
  readonly ports?: readonly PolicyPort[];
}

interface EgressRule {
  readonly to?: readonly Peer[];
  readonly ports?: readonly PolicyPort[];
}

export interface NetworkPolicy {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    readonly ingress?: readonly IngressRule[];
    readonly egress?: readonly EgressRule[];
  };
}

function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Place['labels']): boolean {
  const unknown = matchExpressions.find(({ operator }) => operator !== 'Exists');
  if (unknown !== undefined) throw new Error(`operator ${unknown.operator} is not understood here`);
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return equal && matchExpressions.every(({ key }) => labels[key] !== undefined);
}

/** Without a namespace selector the policy's own namespace is meant. */
function isPeer(peers: readonly Peer[] | undefined, place: Place, own: string): boolean {
  if (peers === undefined || peers.length === 0) return true;
  return peers.some(({ podSelector = {}, namespaceSelector, ...more }) => {
    if (Object.keys(more).length > 0) throw new Error(`${Object.keys(more).join()} is not understood here`);
    const namespace = { 'kubernetes.io/metadata.name': place.namespace };
    const isThere = namespaceSelector === undefined ? place.namespace === own : selects(namespaceSelector, namespace);
    return isThere && selects(podSelector, place.labels);
  });
}

/** A name means the port that the receiving pod calls so. */
const isPort = (ports: readonly PolicyPort[] | undefined, { to, port, protocol = 'TCP' }: Connection): boolean =>
  ports === undefined ||
  ports.some(({ port: wanted, protocol: offered = 'TCP' }) => {
    return protocol === offered && (typeof wanted === 'number' ? wanted : to.ports[wanted]) === port;
  });

type Direction = 'Ingress' | 'Egress';

/** The policies over a pod in one direction; a pod without any is free in it. */
const over = (policies: readonly NetworkPolicy[], place: Place, direction: Direction): readonly NetworkPolicy[] =>
  policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === place.namespace &&
      spec.policyTypes.includes(direction) &&
      selects(spec.podSelector, place.labels),
  );

/** A connection that one pod opens to a port of another, by TCP unless it says so. */
export interface Connection {
  readonly from: Place;
  readonly to: Place;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

/** Do the policies over its source let a connection out? */
export function leaves(policies: readonly NetworkPolicy[], connection: Connection): boolean {
  const { from, to } = connection;
  const mine = over(policies, from, 'Egress');
  const isNamed = ({ metadata, spec: { egress = [] } }: NetworkPolicy): boolean =>
    egress.some((rule) => isPeer(rule.to, to, metadata.namespace) && isPort(rule.ports, connection));
  return mine.length === 0 || mine.some(isNamed);
}

/** Do the policies over its target let a connection in? */
export function enters(policies: readonly NetworkPolicy[], connection: Connection): boolean {
  const { from, to } = connection;
  const mine = over(policies, to, 'Ingress');
  const isNamed = ({ metadata, spec: { ingress = [] } }: NetworkPolicy): boolean =>
    ingress.some((rule) => isPeer(rule.from, from, metadata.namespace) && isPort(rule.ports, connection));
  return mine.length === 0 || mine.some(isNamed);
}
