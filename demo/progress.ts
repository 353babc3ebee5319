/** Words on the terminal: what is happening, how far it is, and a sign of life where it takes long. */

export interface ProgressPorts {
  readonly write: (text: string) => void;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
}

/** Longest silence while something is under way, ms. */
const silenceMs = 4000;

const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};

/** One story in numbered chapters. `beat` is called about once a second, and speaks only after a silence. */
export class Progress {
  readonly #ports: ProgressPorts;
  readonly #chapters: number;
  readonly #start: number;
  #chapter = 0;
  #spoke: number;
  #line = '';
  #underWay: (() => string) | undefined;

  constructor(ports: ProgressPorts, chapters: number) {
    this.#ports = ports;
    this.#chapters = chapters;
    this.#start = ports.now();
    this.#spoke = this.#start;
  }

  chapter(title: string): void {
    this.#chapter += 1;
    this.#underWay = undefined;
    this.#print(`\n(${this.#chapter}/${this.#chapters}) ${title}`);
  }

  /** One line; the same line twice in a row is said once. */
  say(line: string): void {
    if (line !== this.#line) this.#print(`      ${clock(this.#ports.now() - this.#start)}  ${line}`);
    this.#line = line;
  }

  /** Awaits `work`; `state` is asked for words whenever it has been silent for long. */
  async during<T>(state: () => string, work: Promise<T>): Promise<T> {
    this.#underWay = state;
    try {
      return await work;
    } finally {
      this.#underWay = undefined;
    }
  }

  beat(): void {
    if (this.#underWay === undefined || this.#ports.now() - this.#spoke < silenceMs) return;
    this.#line = '';
    this.say(this.#underWay());
  }

  #print(text: string): void {
    this.#spoke = this.#ports.now();
    this.#ports.write(`${text}\n`);
  }
}
