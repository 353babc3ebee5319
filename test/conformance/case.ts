/** A case of the kit as data: what is sent, and what a server that keeps the protocol answers. */

/** A request's body. */
export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  /** JSON that no serialiser writes: numbers beyond a double, text that breaks off. */
  | { readonly kind: 'text'; readonly text: string }
  /** JSON and the bytes of tensors after it; `headLength` lies about the length of the JSON. */
  | { readonly kind: 'binary'; readonly head: object; readonly tail: Buffer; readonly headLength?: number | string }
  /** The bytes of the only input: Inference-Header-Content-Length is 0. */
  | { readonly kind: 'raw'; readonly bytes: Buffer };

/** What is sent. */
export interface CaseRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Compresses the body and says so. */
  readonly coding?: 'gzip' | 'deflate';
}

/** What must come back. `mistake`: a status of 4xx, and `{"error": "<sentence>"}`. */
export interface Expected {
  readonly status: number | 'mistake';
  /** Members that the JSON part must have, deeply; lists must match in length. */
  readonly json?: unknown;
  /** Text that the JSON part must hold, for numbers that JSON.parse would round. */
  readonly text?: string;
  /** The bytes after the JSON part. */
  readonly tail?: Buffer;
  /** Bytes of floats after the JSON part that may differ by rounding. */
  readonly floats?: readonly number[];
}

/** One case. */
export interface Case {
  /** A sentence; the area comes before the colon. */
  readonly name: string;
  /** The extension that a server must announce; cases of one that it does not are left out. */
  readonly extension?: string;
  readonly request: CaseRequest;
  readonly expected: Expected;
}
