/** Errors in OpenAI's shape, which its clients turn into classes of their own. */
import type { ErrorShape, Fault } from '../errors.ts';

/** OpenAI's word for a kind of error. */
function typeOf({ kind }: Fault, status: number): string {
  if (kind === 'queueFull') return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function codeOf(fault: Fault): string | null {
  if (fault.kind === 'invalid') return fault.code ?? null;
  const codes: Partial<Record<Fault['kind'], string>> = {
    notFound: 'not_found',
    queueFull: 'rate_limit_exceeded',
    unavailable: 'service_unavailable',
    expired: 'deadline_exceeded',
    hung: 'deadline_exceeded',
  };
  return codes[fault.kind] ?? null;
}

/** `{"error": {"message", "type", "param", "code"}}`. */
export const openAiError: ErrorShape = ({ fault, message }, status) => ({
  error: {
    message,
    type: typeOf(fault, status),
    param: fault.kind === 'invalid' ? (fault.parameter ?? null) : null,
    code: codeOf(fault),
  },
});

/** Whether a path is OpenAI's: all below /v1 but KServe's `:predict`, whose clients know another shape. */
export function isOpenAiPath(path: string): boolean {
  return /^(?:http:\/\/[^/?#]+)?\/v1(?:[/?]|$)/.test(path) && !/:(?:predict|explain)(?:\?|$)/.test(path);
}
