/** What is known of one pod that is asked. */
import type { Heartbeat } from './heartbeat.ts';
import type { ServerNews, TrainerNews } from './news.ts';
import type { Candidate } from './schedule.ts';
import type { Target } from './targets.ts';

/** News of a training, and of which attempt. */
export type RunNews = TrainerNews & { readonly attempt: number };

/** What others are told of a pod. */
export type News = RunNews | ServerNews;

/** One pod that is asked, and all that is known of it; weighed twice a second as it stands, unless it rests. */
export class Asked implements Candidate {
  readonly target: Target;
  readonly cameAtMs: number;
  askedAtMs: number | undefined;
  /** Since it came, or since the first question that it left unanswered; undefined while it answers. */
  silentSinceMs: number | undefined;
  restsUntilMs = 0;
  cancelRest = (): void => undefined;
  /** Somebody listens there, or did. */
  everAnswered = false;
  /** The last answer came quickly. */
  isSure = false;
  busy = false;
  /** It has answered, if only that there is no news. */
  heard = false;
  /** What others are told, and since when. */
  news: News | undefined;
  toldAtMs = 0;
  heartbeat: Heartbeat | undefined;

  constructor(target: Target, cameAtMs: number) {
    this.target = target;
    this.cameAtMs = cameAtMs;
    this.silentSinceMs = cameAtMs;
  }

  get namespace(): string {
    return this.target.key.namespace;
  }

  get root(): string {
    return this.target.root;
  }

  get isFirst(): boolean {
    const { worker } = this.target;
    return worker === undefined || worker.rank === 0 || this.heartbeat?.state === 'mute';
  }
}
