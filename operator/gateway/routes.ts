/**
 * ModelServices and EndpointSlices → routes: service → addresses of its ready replicas, and limits. Fed by change and
 * indexed here, so that one change costs one service. What the API server last said stays true while it is away.
 */
import { labels, replicasServiceName } from '../api/names.ts';
import type { Condition, KubeObject } from '../kernel/objects.ts';

/** The part of a ModelService that the gateway reads; the CRD's defaults fill what is absent. */
export interface RoutedService extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly scaling?: {
      readonly maxColdStartSeconds?: number;
      readonly queueLimit?: number;
      readonly maxInFlightPerReplica?: number;
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly refusal?: Refusing;
  };
}

/** Why no replica would come, however long a request waited. */
export interface Refusing {
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** The part of a discovery.k8s.io/v1 EndpointSlice that the gateway reads. */
export interface RoutedSlice extends KubeObject {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean | null };
    readonly targetRef?: { readonly uid?: string };
  }[];
  readonly ports?: readonly { readonly name?: string | null; readonly port?: number | null }[];
}

/** One ready replica. `id` tells a new pod on an old address from the old pod. */
export interface Address {
  readonly id: string;
  /** Scheme, host and port. */
  readonly origin: string;
}

export interface Limits {
  readonly queueLimit: number;
  readonly maxColdStartSeconds: number;
  readonly maxInFlightPerReplica: number;
}

/** A service as the front door needs it. */
export interface Route {
  /** Namespace and name, `default/digits`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly limits: Limits;
  /** Undefined when the Ready condition is True; otherwise its message. */
  readonly notReady: string | undefined;
  /** Requests that find no replica are not held but refused with this. */
  readonly refusing: Refusing | undefined;
  /** A person pinned it to no replicas: waiting for one would be in vain. */
  readonly stopped: boolean;
  readonly addresses: readonly Address[];
}

export type RouteListener = (key: string, route: Route | undefined) => void;

function limitsOf({ spec }: RoutedService): Limits {
  const { queueLimit = 1000, maxColdStartSeconds = 120, maxInFlightPerReplica = 100 } = spec.scaling ?? {};
  return { queueLimit, maxColdStartSeconds, maxInFlightPerReplica };
}

function notReadyOf({ status }: RoutedService): string | undefined {
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  if (ready?.status === 'True') return undefined;
  return ready?.message ?? 'the operator has not looked at this service yet';
}

/** What was said of a former spec does not hold for this one. */
const refusingOf = ({ metadata, status }: RoutedService): Refusing | undefined =>
  status?.observedGeneration === metadata.generation ? status?.refusal : undefined;

/** Replicas that a slice names as ready. An absent `ready` means ready, as the API defines it. */
export function addressesOf(slice: RoutedSlice): readonly Address[] {
  const port = (slice.ports?.find((candidate) => candidate.name === 'http') ?? slice.ports?.[0])?.port;
  if (typeof port !== 'number') return [];
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => {
    const [host] = addresses;
    if (host === undefined || conditions?.ready === false) return [];
    const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    return [{ id: `${origin}#${targetRef?.uid ?? ''}`, origin }];
  });
}

/** The ModelService whose replicas a slice lists; undefined for every other slice of the cluster. */
function serviceOf({ metadata }: RoutedSlice): string | undefined {
  const name = metadata.labels?.[labels.modelService];
  if (name === undefined || metadata.labels?.[labels.serviceName] !== replicasServiceName(name)) return undefined;
  return `${metadata.namespace ?? ''}/${name}`;
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

export class Routes {
  readonly #listener: RouteListener;
  readonly #services = new Map<string, RoutedService>();
  /** Service → its slices by name → their ready replicas. */
  readonly #slices = new Map<string, Map<string, readonly Address[]>>();

  constructor(listener: RouteListener) {
    this.#listener = listener;
  }

  putService(service: RoutedService): void {
    const key = keyOf(service);
    const before = this.#services.get(key);
    // Another UID is another service of the same name: what was known of the old one ends first.
    if (before !== undefined && before.metadata.uid !== service.metadata.uid) this.#listener(key, undefined);
    this.#services.set(key, service);
    this.#tell(key);
  }

  removeService(service: RoutedService): void {
    const key = keyOf(service);
    this.#services.delete(key);
    this.#listener(key, undefined);
  }

  putSlice(slice: RoutedSlice): void {
    const key = serviceOf(slice);
    if (key === undefined) return;
    const slices = this.#slices.get(key) ?? new Map<string, readonly Address[]>();
    slices.set(slice.metadata.name, addressesOf(slice));
    this.#slices.set(key, slices);
    this.#tell(key);
  }

  removeSlice(slice: RoutedSlice): void {
    const key = serviceOf(slice);
    const slices = key === undefined ? undefined : this.#slices.get(key);
    if (key === undefined || slices?.delete(slice.metadata.name) !== true) return;
    if (slices.size === 0) this.#slices.delete(key);
    this.#tell(key);
  }

  #tell(key: string): void {
    const service = this.#services.get(key);
    if (service !== undefined) this.#listener(key, this.#routeOf(key, service));
  }

  #routeOf(key: string, service: RoutedService): Route {
    const { namespace = '', name, uid = '' } = service.metadata;
    // A pod that moves between slices is in both for a moment: one replica all the same.
    const addresses = new Map<string, Address>();
    for (const slice of this.#slices.get(key)?.values() ?? [])
      for (const address of slice) addresses.set(address.id, address);
    return {
      ...{ key, uid, namespace, name },
      limits: limitsOf(service),
      notReady: notReadyOf(service),
      refusing: refusingOf(service),
      stopped: service.spec.replicas === 0,
      addresses: [...addresses.values()],
    };
  }
}
