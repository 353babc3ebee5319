/** Tokens → text in pieces that never have to be taken back: whole characters, and nothing that may yet become a stop. */

const replacement = '\u{fffd}';

/** Most tokens held back for one character: one that is not whole by then never will be. */
const heldLimit = 8;

/** Decodes token by token. */
export class TokenText {
  readonly #decode: (tokens: readonly number[]) => string;
  /** The tokens whose text is out last, for tokenizers that join a token to the one before, and those held back. */
  #context: readonly number[] = [];
  #held: readonly number[] = [];

  /** `before` is what the text goes on from: the prompt's last tokens. */
  constructor(decode: (tokens: readonly number[]) => string, before: readonly number[] = []) {
    this.#decode = decode;
    this.#context = this.#whole(before);
  }

  /** The text that a token brings; empty while a character is incomplete. */
  push(token: number): string {
    this.#held = [...this.#held, token];
    const text = this.#heldText();
    if (text.endsWith(replacement) && this.#held.length < heldLimit) return '';
    if (text !== '') this.#take();
    // So many that are no text, as special tokens are, would each time be decoded again.
    else if (this.#held.length >= heldLimit) this.#held = [];
    return text;
  }

  /** What is still held back. */
  flush(): string {
    const text = this.#heldText();
    this.#take();
    return text;
  }

  #heldText(): string {
    return this.#decode([...this.#context, ...this.#held]).slice(this.#decode(this.#context).length);
  }

  #take(): void {
    this.#context = this.#whole(this.#held);
    this.#held = [];
  }

  /** Nothing can be told apart from a broken character. */
  #whole(tokens: readonly number[]): readonly number[] {
    return this.#decode(tokens).endsWith(replacement) ? [] : tokens;
  }
}

/** Text that may be sent, and whether a stop was found, which ends it. */
export interface Released {
  readonly text: string;
  readonly stopped: boolean;
}

/** Looks for stop strings across pieces. */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** What may be sent after one more piece: up to the first stop, or up to what may be the beginning of one. */
  push(piece: string): Released {
    const text = this.#held + piece;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.#held = '';
      return { text: text.slice(0, Math.min(...found)), stopped: true };
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - kept);
    return { text: text.slice(0, text.length - kept), stopped: false };
  }

  /** What was held back. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }
}

/** The length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (stop.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
