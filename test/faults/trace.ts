/** Every request that the operator made in a run, as the API server saw it, and every watch frame that it was given. */

import { deedsOf, type Deeds } from './deeds.ts';

export interface Exchange {
  readonly method: string;
  /** Plural, with its subresource: `jobs`, `trainingjobs/status`. */
  readonly resource: string;
  readonly name: string;
  readonly isWatch: boolean;
  /** Of a kind as a whole, in pages or as the beginning of a watch. */
  readonly isList: boolean;
  /** Which operator process of the run asked, from 1. */
  readonly instance: number;
  /** Position among the writes of the run, from 1; 0 for reads. */
  readonly write: number;
  /** Position among the writes of its verb and kind, from 1; 0 for reads. */
  readonly nth: number;
  /** When it came, monotonic. */
  readonly atMs: number;
  /** What the API server answered, also when the reply was lost; 0 when it was never asked. */
  status: number;
  readonly body: string;
  /** Of the API server, also when it was lost; of watches the frames say it. */
  answer: string;
  /** Of a write: the version of the object in the answer, also when the reply was lost; '' when it has none. */
  version: string;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** A pass looks at a few objects, as they are now, such as those of one root: no cache is filled by that. */
const aFew = /[?&](?:fieldSelector=metadata\.name|labelSelector=limbeck\.dev%2Froot%3D)/;

const apiPath =
  /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)(?:\/namespaces\/[^/]+(?=\/[^/?]+))?\/([^/?]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/;

/** One line of a watch, as the API server sent it, and what the plan made of it. */
export interface Frame {
  readonly instance: number;
  readonly resource: string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly verdict: string;
}

export class Trace {
  readonly exchanges: Exchange[] = [];
  /** Exchanges and frames, in order. */
  readonly story: (Exchange | Frame)[] = [];
  readonly frames = new Map<string, number>();
  /** What passes do and ask by name, and was not answered yet. */
  readonly #underWay = new Set<Exchange>();
  #lastDeedMs = 0;
  #writes = 0;
  readonly #alike = new Map<string, number>();

  begin({ method, url, body }: Asked, instance: number): Exchange {
    const [, plural = '', name = '', sub] = apiPath.exec(url) ?? [];
    const isWrite = method !== 'GET';
    const isWatch = /[?&]watch=true/.test(url);
    const resource = sub === undefined ? plural : `${plural}/${sub}`;
    const exchange: Exchange = {
      ...{ method, body, instance, resource, status: 0, answer: '', version: '' },
      name: name === '' && isWrite ? nameIn(body) : decodeURIComponent(name),
      isWatch,
      isList: !isWrite && (isWatch ? /[?&]sendInitialEvents=true/.test(url) : name === '' && !aFew.test(url)),
      write: isWrite ? (this.#writes += 1) : 0,
      nth: isWrite ? this.#counted(`${method} ${resource}`) : 0,
      atMs: performance.now(),
    };
    if (isWrite || !(isWatch || exchange.isList)) this.#underWay.add(exchange);
    this.exchanges.push(exchange);
    this.story.push(exchange);
    return exchange;
  }

  /** It is answered, or never will be. */
  end(exchange: Exchange): void {
    if (this.#underWay.delete(exchange)) this.#lastDeedMs = performance.now();
  }

  /** For how long no pass has written or asked for an object by name, milliseconds; 0 while one does. */
  get quietMs(): number {
    return this.#underWay.size > 0 ? 0 : performance.now() - this.#lastDeedMs;
  }

  #counted(alike: string): number {
    const position = (this.#alike.get(alike) ?? 0) + 1;
    this.#alike.set(alike, position);
    return position;
  }

  /** Counts a frame of a kind; its position, from 1. */
  frame(resource: string): number {
    const position = (this.frames.get(resource) ?? 0) + 1;
    this.frames.set(resource, position);
    return position;
  }

  given(frame: Frame): void {
    this.story.push(frame);
  }

  /** The version at which what this request deleted was gone, by the first watch that told it; undefined: none did. */
  removalBy(exchange: Exchange): string | undefined {
    const isTold = (one: Exchange | Frame): one is Frame =>
      'verdict' in one && one.type === 'DELETED' && one.resource === exchange.resource && one.name === exchange.name;
    return this.story.slice(this.story.indexOf(exchange)).find(isTold)?.version;
  }

  get writes(): number {
    return this.#writes;
  }

  /** For a person who wants to know how it came to this. */
  lines(): readonly string[] {
    return this.story.map((one) => ('verdict' in one ? frameText(one) : exchangeText(one)));
  }

  /** Objects that were deleted without the UID of the one that was meant: a successor of its name would have gone, too. */
  unguardedDeletions(): readonly string[] {
    return this.exchanges
      .filter(({ method, body }) => method === 'DELETE' && !uidIn(body))
      .map(({ resource, name }) => `${resource}/${name}`);
  }

  /** How often the operator created and deleted each object. */
  creationsAndDeletions(): Deeds {
    return deedsOf(this.exchanges);
  }
}

/** What is made by a POST is named in its body alone; '' where the body is none. */
function nameIn(body: string): string {
  try {
    const { metadata } = JSON.parse(body) as { readonly metadata?: { readonly name?: string } };
    return metadata?.name ?? '';
  } catch {
    return '';
  }
}

const uidIn = (body: string): boolean =>
  Boolean((JSON.parse(body) as { readonly preconditions?: { readonly uid?: string } }).preconditions?.uid);

function exchangeText({ instance, write, method, isWatch, resource, name, status, body, answer }: Exchange): string {
  const number = write > 0 ? `#${String(write)} ` : '';
  const asked = `${isWatch ? 'WATCH' : method} ${resource}/${name} ${body}`.trimEnd();
  return `${String(instance)} ${number}${asked} → ${String(status)} ${answer}`.trimEnd();
}

const frameText = ({ instance, resource, type, name, version, verdict }: Frame): string =>
  `${String(instance)} FRAME ${resource}/${name} ${type} @${version}${verdict === 'pass' ? '' : ` → ${verdict}`}`;
