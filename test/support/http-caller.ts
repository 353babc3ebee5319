/** A caller of the model server, and every word that an answer of it may hold. */

/** One tensor of an answer. */
export interface AnsweredTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** The JSON part of an answer: which members there are depends on the route and the status. */
export interface AnswerBody {
  readonly error: string;
  readonly id: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly outputs: readonly AnsweredTensor[];
  readonly model_stats: readonly { readonly inference_count: number }[];
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What follows the JSON part. */
  readonly bytes: Buffer;
  readonly json: AnswerBody;
}

/** Sends a request as it is. */
export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  const text = bytes.subarray(0, length).toString();
  const json = JSON.parse(text.startsWith('{') || text.startsWith('[') ? text : 'null') as AnswerBody;
  return { status: response.status, headers: response.headers, bytes: bytes.subarray(length), json };
}

/** Posts bytes and text as they are, everything else as JSON. */
export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  if (Buffer.isBuffer(body)) return call(url, { method: 'POST', body: new Uint8Array(body), headers });
  return call(url, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
}

/** Both by the path alone, of a server that may start later. */
export const callerOf = (url: () => string) => ({
  call: (path: string, init?: RequestInit): Promise<Answer> => call(url() + path, init),
  post: (path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> =>
    post(url() + path, body, headers),
});
