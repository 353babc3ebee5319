/** A caller of the OpenAI API without an SDK: what is on the wire, word for word. */

interface Alternative {
  readonly token: string;
  readonly bytes: readonly number[];
}

/** A choice: which members there are depends on the route and on whether it is streamed. */
export interface AnsweredChoice {
  readonly index: number;
  readonly text: string;
  readonly message: { readonly content: string };
  readonly delta: { readonly role?: string; readonly content?: string };
  readonly finish_reason: string | null;
  readonly logprobs: {
    readonly tokens: readonly string[];
    readonly token_logprobs: readonly number[];
    readonly top_logprobs: readonly Readonly<Record<string, number>>[];
    readonly text_offset: readonly number[];
    readonly content: readonly (Alternative & { readonly top_logprobs: readonly Alternative[] })[];
  };
}

/** Every word that an answer or an event may hold. */
export interface TextBody {
  readonly id: string;
  readonly choices: readonly AnsweredChoice[];
  readonly usage: Readonly<Record<'prompt_tokens' | 'completion_tokens' | 'total_tokens', number>>;
  readonly error: Readonly<Record<'message' | 'type' | 'param' | 'code', string | null>>;
  readonly data: readonly { readonly id: string; readonly max_model_len?: number; readonly embedding: number[] }[];
}

/** An answer, read to its end. */
export interface TextAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: TextBody;
}

/** Posts a body: text as it is, everything else as JSON. */
export async function ask(url: string, body: unknown, init: RequestInit = {}): Promise<TextAnswer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return read(await fetch(url, { method: 'POST', body: text, ...init }));
}

/** Reads an answer. */
export async function read(response: Response): Promise<TextAnswer> {
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, text, json: JSON.parse(text.startsWith('{') ? text : 'null') as TextBody };
}

/** The events of a stream; the last must be [DONE] and is left out. */
export function eventsOf({ text }: TextAnswer): readonly TextBody[] {
  const lines = text.split('\n\n').filter((line) => line !== '');
  if (lines.at(-1) !== 'data: [DONE]') throw new Error(`the stream ends with ${lines.at(-1) ?? 'nothing'}`);
  return lines.slice(0, -1).map((line) => JSON.parse(line.replace(/^data: /, '')) as TextBody);
}
