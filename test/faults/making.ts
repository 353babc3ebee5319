/** What an operator makes of a declaration at its first look, as far as pods come of it. Needs no API server. */
import { annotations } from '../../operator/api/names.ts';
import { distillationJobs, trainingJobs } from '../../operator/api/resources.ts';
import type { distillationReconciler } from '../../operator/distillation/reconciler.ts';
import { isOwnedBy, keyOf, type KubeObject, type Resource } from '../../operator/kernel/objects.ts';
import type { AnyReconciler, Cache, Plan, StatusWithConditions } from '../../operator/kernel/reconcile.ts';
import type { servingReconciler } from '../../operator/serving/reconciler.ts';
import type { trainingReconciler } from '../../operator/training/reconciler.ts';
import { node, now, settings } from '../support/runs.ts';
import { maker } from './maker.ts';
import type { Rooted } from './scenario.ts';

/** Of one release, by kind. */
export type Reconcilers = Readonly<Record<string, AnyReconciler>>;

/** Whether a Deployment rolls is told by its revision; a Job has none. */
export interface Made {
  readonly kind: string;
  readonly name: string;
  readonly revision: string | undefined;
  readonly template: object;
}

const feeds = {
  ...{ news: () => undefined, stall: () => undefined, kueue: () => true, gangs: () => true },
  ...{ recommendation: () => undefined, loadFailure: () => undefined },
};

interface Features {
  trainingReconciler: typeof trainingReconciler;
  distillationReconciler: typeof distillationReconciler;
  servingReconciler: typeof servingReconciler;
}

/** Of the release whose repository is in this folder. One after the other: Jest cannot load modules of modules at once. */
export async function reconcilersIn(folder: string): Promise<Reconcilers> {
  const feature = (name: string) => import(`${folder}/operator/${name}/reconciler.ts`) as Promise<Features>;
  const { trainingReconciler: training } = await feature('training');
  const { distillationReconciler: distillation } = await feature('distillation');
  const { servingReconciler: serving } = await feature('serving');
  return {
    TrainingJob: training(settings, feeds),
    DistillationJob: distillation(settings, feeds),
    ModelService: serving(settings, feeds),
  };
}

const namespace = 'default';

/** A node with room, and whatever job it names: each has made a model. */
function surroundingsOf({ spec }: Rooted): readonly KubeObject[] {
  const { teacher = {}, model = {} } = spec as Readonly<Record<string, Readonly<Record<string, { name: string }>>>>;
  const named = { ...model, ...teacher };
  const made = (resource: Resource, name = ''): KubeObject => ({
    ...{ ...maker, kind: resource.kind },
    metadata: { name, namespace, uid: `of-${name}` },
  });
  return [
    node({ cpu: '64', memory: '64Gi', 'nvidia.com/gpu': '4' }),
    made(trainingJobs, named['trainingJob']?.name),
    made(distillationJobs, named['distillationJob']?.name),
  ];
}

/** These objects are all that there is. */
function cacheOf(objects: readonly KubeObject[], { indexes = [] }: AnyReconciler): Cache {
  const list = <T extends KubeObject>({ kind }: Resource<T>): readonly T[] =>
    objects.filter((object): object is T => object.kind === kind);
  return {
    list,
    get: (resource, { name }) => list(resource).find(({ metadata }) => metadata.name === name),
    ownedBy: (resource, owner) => list(resource).filter((object) => isOwnedBy(object, owner)),
    byIndex: (resource, index, value) => {
      const filed = indexes.find(({ name }) => name === index);
      return list(resource).filter((object) => filed?.valuesOf(object).includes(value) === true);
    },
    silentMs: () => 0,
  };
}

function planFor(reconciler: AnyReconciler, root: Rooted): Plan<StatusWithConditions> {
  const observed = reconciler.observe(cacheOf([root, ...surroundingsOf(root)], reconciler), keyOf(root));
  return reconciler.plan(observed, now);
}

/** Where it first stores whose model it takes, of the look after that. */
export function madeOf(object: Rooted, reconcilers: Reconcilers): readonly Made[] {
  const reconciler = reconcilers[object.kind]!;
  const root = { ...object, metadata: { ...object.metadata, namespace, uid: 'root', generation: 1 } };
  const first = planFor(reconciler, root);
  const { apply } = first.apply.length > 0 ? first : planFor(reconciler, { ...root, status: first.status });
  return apply.flatMap(({ object: { kind, metadata, ...rest } }) => {
    const { template } = (rest as { readonly spec?: { readonly template?: object } }).spec ?? {};
    const revision = metadata.annotations?.[annotations.revision];
    return template === undefined ? [] : [{ kind, name: metadata.name, revision, template }];
  });
}
