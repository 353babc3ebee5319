/** What goes wrong in one run, as data: a failing plan is kept as a file and run again for ever. */

export const perturbations = [
  ...[
    'crash',
    'double crash',
    'takeover',
    'delete',
    'delete and recreate',
    'upgrade',
    'upgrade and back',
    'write answers',
  ],
  ...['watch', 'stale cache', 'unobserved', 'time travel', 'born in the past'],
  ...['credentials', 'quota', 'terminating namespace', 'absence'],
] as const;
export type Perturbation = (typeof perturbations)[number];

/** Before it is sent, after the server committed it but the reply is lost, or after the reply has arrived. */
export const crashMoments = ['before', 'committed', 'after'] as const;
export type CrashMoment = (typeof crashMoments)[number];

export type Release = 'former' | 'next';

/**
 * Which write: its position from 1 over all instances of the operator in a run; or the n-th with its verb and kind, which
 * stays the same when other writes come and go.
 */
export type WriteAt = number | NamedWrite;

export interface NamedWrite {
  readonly verb: 'POST' | 'PATCH' | 'DELETE';
  /** Plural, with its subresource, as in a trace. */
  readonly resource: string;
  readonly nth: number;
}

/** Frames are counted per kind, bookmarks left out. */
export type Fault =
  | { readonly kind: 'crash'; readonly write: WriteAt; readonly moment: CrashMoment }
  /**
   * After this write the leader dies, and who stood by leads with caches that are warm, and lag: frames of this kind, or all,
   * are held from a few writes before until so many ms after the takeover.
   */
  | {
      readonly kind: 'takeover';
      readonly write: number;
      readonly lagging: string;
      readonly forMs: number;
    }
  /**
   * The operator, the former one at first, is replaced after this write, or at rest where the write never comes, by that of
   * another release, with other images.
   */
  | { readonly kind: 'release'; readonly write: number; readonly to: Release }
  /**
   * The user deletes the object once this write is committed, before the operator has its reply; in the foreground, it stays
   * until all that it owns is gone.
   */
  | { readonly kind: 'delete'; readonly write: WriteAt; readonly recreate: boolean; readonly cascade?: 'foreground' }
  /** Somebody deletes the whole namespace once this write is committed, and makes it and the object again when it is gone. */
  | { readonly kind: 'terminate'; readonly write: WriteAt }
  /** No object of the kind that `counts` names may be made, until the refusal has been told. */
  | { readonly kind: 'quota'; readonly counts: string }
  /** From this write on the API server takes the next credentials alone; the operator's files change so many ms later. */
  | { readonly kind: 'rotated'; readonly what: Credential; readonly write: number; readonly lateMs: number }
  /** `from` and every n-th write after it, at most `times`, is answered like this; `committed`: after it was carried out all the same. */
  | {
      readonly kind: 'answer';
      readonly status: 403 | 409 | 429 | 500 | 504;
      readonly from: WriteAt;
      readonly every: number;
      readonly times: number;
      readonly committed: boolean;
    }
  /** Frames of this kind are held from its n-th frame on, for so long. */
  | { readonly kind: 'stale'; readonly resource: string; readonly frame: number; readonly forMs: number }
  /** The stream breaks at the n-th frame; what happens in so many ms is seen in its outcome alone, by 410 and list. */
  | { readonly kind: 'unobserved'; readonly resource: string; readonly frame: number; readonly forMs: number }
  /** Frame `to` is told and the stream ends with 410; so many lists then show the state of just before frame `before`. */
  | {
      readonly kind: 'time travel';
      readonly resource: string;
      readonly before: number;
      readonly to: number;
      readonly lists: number;
    }
  /**
   * Frame `to` is told and the operator dies; the first list of who comes next shows the state of just before frame
   * `before`, that of other kinds is of the present, and what has happened since is told so many ms later.
   */
  | {
      readonly kind: 'born in the past';
      readonly resource: string;
      readonly before: number;
      readonly to: number;
      readonly forMs: number;
    }
  | { readonly kind: 'watch'; readonly how: WatchFault }
  /** Whatever the user does is done while no operator is there; it comes, and knows nothing, when it is done. */
  | { readonly kind: 'absence' }
  /** The API server cannot list by a stream, as older ones cannot. */
  | { readonly kind: 'pages' };

/** What says who the operator is, and what says who the API server is. */
export const credentials = ['token', 'client certificate', 'authority'] as const;
export type Credential = (typeof credentials)[number];

/** What befalls every watch: broken off, broken off within a frame, silent, expired, throttled, closed every second. */
export const watchFaults = ['reset', 'half frame', 'black hole', 'gone', 'throttled', 'short'] as const;
export type WatchFault = (typeof watchFaults)[number];

export interface FaultPlan {
  readonly scenario: string;
  readonly faults: readonly Fault[];
}

export const planText = ({ scenario, faults }: FaultPlan): string =>
  `${scenario}: ${faults.map((fault) => Object.values(fault).map(wordsOf).join(' ')).join(', then ')}`;

const wordsOf = (value: string | number | boolean | NamedWrite): string =>
  typeof value === 'object' ? `${value.verb} ${value.resource} ${String(value.nth)}` : String(value);
