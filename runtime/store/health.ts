/** Whether the S3 server itself answers: that this process lives says nothing of it. */
import { get } from 'node:http';

/** Undefined where it does; otherwise a sentence. */
export function askHealth(url: string, withinMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(withinMs);
    // A connection of its own, as its other callers would have to open one.
    const request = get(url, { agent: false, signal }, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      resolve(statusCode === 200 ? undefined : `the S3 server says that it is not well: ${statusCode}`);
    });
    request.on('error', (error) =>
      resolve(`the S3 server does not answer: ${signal.aborted ? `not within ${withinMs} ms` : error.message}`),
    );
  });
}
