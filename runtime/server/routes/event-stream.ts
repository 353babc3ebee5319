/** Server-sent events as OpenAI streams them. */
import type { ServerResponse } from 'node:http';
import type { Face } from '../face.ts';

/** Most that waits for a caller to read it: thousands of tokens, be it that each comes with the likeliest ones. */
const mostUnreadBytes = 1 << 20;

/** A stream of server-sent events; its head is written with the first, so that what fails before has its own status. */
export class EventStream {
  readonly #face: Pick<Face, 'draining'>;
  readonly #response: ServerResponse;

  constructor(face: Pick<Face, 'draining'>, response: ServerResponse) {
    this.#face = face;
    this.#response = response;
  }

  send(event: object | '[DONE]'): void {
    // Where one choice has failed the stream is over, and another may still have something to say.
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-cache',
        // Proxies would otherwise collect what is meant to be read at once.
        'X-Accel-Buffering': 'no',
        ...(this.#face.draining() && { Connection: 'close' }),
      });
    }
    this.#response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
    // Whoever falls so far behind reads no more, and nothing more is written for him.
    if (this.#response.writableLength > mostUnreadBytes) this.#response.destroy();
  }
}
