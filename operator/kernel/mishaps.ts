/** Why a child could not be made as it was wished, or not be removed, where the API server did not refuse it. */
import { heldBy, keyOf, keyText, type KubeObject } from './objects.ts';

export const whatOf = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`;

/** The name of a child belongs to someone else, whom we never touch. Only a person can help. */
export class NameTaken extends Error {
  constructor(what: string, why: string) {
    super(`${what} ${why}`);
    this.name = 'NameTaken';
  }
}

/** A child of ours lost the label by which we see it, so it could be neither followed nor removed. Only a person can help. */
export class NameHidden extends NameTaken {
  constructor(what: string, label: string) {
    super(what, `is ours, but is not seen without its label ${label}: restore it, or delete the object`);
  }
}

/** A child of this name is on its way out; the plan goes on when it is gone. */
export class NameLeaving extends Error {
  /** Since when it was to go; undefined where that is not known. */
  readonly since: Date | undefined;

  constructor(what: string, leaving?: KubeObject, root?: KubeObject) {
    const { deletionTimestamp } = leaving?.metadata ?? {};
    super(`${what} ${leaving === undefined ? 'is still being deleted' : howItLeaves(leaving)}`);
    this.name = 'NameLeaving';
    // What a predecessor has left behind was to go before its successor came.
    const since = deletionTimestamp ?? root?.metadata.creationTimestamp;
    this.since = since === undefined ? undefined : new Date(since);
  }
}

const howItLeaves = ({ metadata }: KubeObject): string =>
  metadata.deletionTimestamp === undefined
    ? 'belongs to a deleted object of the same name: the garbage collector has not removed it yet'
    : `is still being deleted${heldBy(metadata)}`;

export type Undoing = 'changed' | 'removed';

const undone: Readonly<Record<Undoing, string>> = {
  changed: 'is changed by somebody else each time it is applied; it is applied once a minute at most',
  removed: 'is removed by somebody else each time it is made; it is made again once a minute at most',
};

/** Others undo what is applied, each time: the next try has to wait, or the two would write without end. */
export class Contested extends Error {
  readonly restMs: number;

  constructor(what: string, how: Undoing, restMs: number) {
    super(`${what} ${undone[how]}`);
    this.name = 'Contested';
    this.restMs = restMs;
  }
}

/** The root was deleted: nothing is made for it any more. */
export class RootGone extends Error {
  constructor(root: KubeObject) {
    super(`${whatOf(root)} was deleted`);
    this.name = 'RootGone';
  }
}

/** What is there was made from a version of the root that the cache has not shown yet: nothing is done about it before it does. */
export class RootBehind extends Error {
  constructor(root: KubeObject) {
    super(`${whatOf(root)} has changed`);
    this.name = 'RootBehind';
  }
}
