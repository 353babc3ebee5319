/** A conversation → the prompt that the model was trained on, by its own Jinja template. The only importer of @huggingface/jinja. */
import { Template } from '@huggingface/jinja';
import { sentenceOf } from '../../../process/logger.ts';
import { invalid } from '../protocol/errors.ts';
import { isRecord } from '../protocol/json.ts';

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
}

/** tokenizer_config.json says a special token as text, or as an object that has it. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isRecord(value) && typeof value['content'] === 'string' ? value['content'] : undefined;
}

/** The template alone, or several by name, of which `default` is meant. */
function sourceOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const found: unknown = value.find((entry) => isRecord(entry) && entry['name'] === 'default') ?? value[0];
  return isRecord(found) && typeof found['template'] === 'string' ? found['template'] : undefined;
}

/** A parsed template. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokens: Readonly<Record<string, string>>;

  constructor(source: string, tokens: Readonly<Record<string, string>>) {
    this.#template = new Template(source);
    this.#tokens = tokens;
  }

  /** The prompt. What the template refuses, such as roles out of turn, is the caller's mistake. */
  render(messages: readonly ChatMessage[]): string {
    try {
      return this.#template.render({ ...this.#tokens, messages, add_generation_prompt: true });
    } catch (error) {
      throw invalid(`the model's chat template refuses these messages: ${sentenceOf(error).slice(0, 300)}`);
    }
  }
}

/** The template of a tokenizer_config.json, or of the file beside it; undefined when there is none. Throws when it is not Jinja. */
export function chatTemplateOf(
  config: Readonly<Record<string, unknown>>,
  file: string | undefined,
): ChatTemplate | undefined {
  const source = file ?? sourceOf(config['chat_template']);
  if (source === undefined) return undefined;
  const tokens = Object.entries(config).flatMap(([name, value]) => {
    const text = name.endsWith('_token') ? tokenText(value) : undefined;
    return text === undefined ? [] : [[name, text] as const];
  });
  return new ChatTemplate(source, Object.fromEntries(tokens));
}
