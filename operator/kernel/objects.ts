/** The nouns of the Kubernetes API that the kernel needs to know; it knows no kind of ours. Everything is read-only. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

/** To be put after what does not go: `, held by its finalizers a, b`, or nothing. */
export const heldBy = ({ finalizers = [] }: Pick<ObjectMeta, 'finalizers'>): string =>
  finalizers.length === 0 ? '' : `, held by its finalizers ${finalizers.join(', ')}`;

/** Any object as it travels: our own JSON, never through a typed serialiser, which would drop fields it does not know. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** A kind as the API server addresses it. `T` is carried for the types of cache reads alone. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Of an API that a cluster may lose, or fail to serve: nobody waits for what a cache of it does not show. */
  readonly optional?: true;
  /** Which objects of this kind the caches hold; every one when absent. */
  readonly selection?: Selection;
  /** What the caches hold of each, the whole when absent: a copy without what nobody reads, which others may fill. */
  kept?(object: KubeObject): KubeObject;
  readonly example?: T;
}

/** Restricts a list or watch on the server's side. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Namespace and name; the namespace of a cluster-scoped object is empty. */
export interface Key {
  readonly namespace: string;
  readonly name: string;
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

export const keyOf = (object: KubeObject): Key => ({
  namespace: object.metadata.namespace ?? '',
  name: object.metadata.name,
});

export const keyText = (key: Key): string => `${key.namespace}/${key.name}`;

export const parseKey = (text: string): Key => {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
};

/** Does a cache of this selection show the object? By existence or by equality, the only selectors there are here. */
export function isSelected({ labelSelector }: Selection, object: KubeObject): boolean {
  if (labelSelector === undefined) return true;
  const [name = '', value] = labelSelector.split('=');
  const label = object.metadata.labels?.[name];
  return value === undefined ? label !== undefined : label === value;
}

/** The controlling owner, if there is one. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

/**
 * Ownership is by UID: a re-created owner of the same name owns nothing of its predecessor. And it ends with the namespace:
 * the API server lets anybody name an owner elsewhere, who is not asked.
 */
export const isOwnedBy = (object: KubeObject, { metadata: { namespace, uid } }: KubeObject): boolean =>
  uid !== undefined && controllerOf(object)?.uid === uid && object.metadata.namespace === namespace;

/** The reference that makes `owner` the one controller of a child, which is then collected with it. */
export const ownerReferenceTo = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

/** One text per kind, for maps and metric labels: `apps/v1/deployments`. */
export const resourceText = (resource: Resource): string => `${resource.apiVersion}/${resource.plural}`;

/** MicroTime has exactly six digits after the point; the API server refuses three. */
export const microTime = (date: Date): string => date.toISOString().replace('Z', '000Z');

export type ConditionDraft = Omit<Condition, 'lastTransitionTime'>;

/** Adds transition times: a condition keeps its time while its status stays the same. */
export function stampConditions(
  drafts: readonly ConditionDraft[],
  previous: readonly Condition[] | undefined,
  now: Date,
): readonly Condition[] {
  return drafts.map((draft) => {
    const before = previous?.find((condition) => condition.type === draft.type);
    const kept = before?.status === draft.status ? before.lastTransitionTime : undefined;
    return { ...draft, lastTransitionTime: kept ?? now.toISOString().replace(/\.\d+Z$/, 'Z') };
  });
}
