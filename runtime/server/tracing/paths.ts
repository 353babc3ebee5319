/** Paths of requests as traces name them: their pattern instead of the names in them. Pure. */

const ofModels = ['', '/infer', '/generate', '/generate_stream', '/predict', '/explain', '/config', '/ready', '/stats'];
const models = ofModels.join('|');

/** A path, and the pattern that stands for it; parts in braces are names. */
const patterns: readonly (readonly [path: RegExp, pattern: (rest: string) => string])[] = [
  [new RegExp(`^/v2/models/[^/]+(${models})$`), (rest) => `/v2/models/{model}${rest}`],
  [
    new RegExp(`^/v2/models/[^/]+/versions/[^/]+(${models})$`),
    (rest) => `/v2/models/{model}/versions/{version}${rest}`,
  ],
  [/^\/v2\/repository\/models\/[^/]+(\/load|\/unload)$/, (rest) => `/v2/repository/models/{model}${rest}`],
  [/^\/v1\/models\/[^/]+(:predict)$/, (rest) => `/v1/models/{model}${rest}`],
  [/^\/v1\/models\/[^/]+()$/, () => '/v1/models/{model}'],
];

const fixed = new Set([
  ...['/', '/v2', '/v2/models', '/v2/models/stats', '/v2/repository/index'],
  ...['/v1/models', '/v1/completions', '/v1/chat/completions', '/v1/embeddings'],
]);

/** What only asks whether the server is well: a trace of it would say nothing, and there are many. */
const probes = new Set(['/healthz', '/v2/health/live', '/v2/health/ready', '/metrics']);

/** The path of a request's target, without host and query. */
export function pathOf(target: string): string {
  return target.replace(/^http:\/\/[^/?#]+/, '').replace(/\?.*/s, '') || '/';
}

/** Whether a path is a probe's or a scrape's. */
export function isProbe(path: string): boolean {
  return probes.has(path);
}

/** The pattern of a path; undefined for what this server does not have. */
export function patternOf(path: string): string | undefined {
  if (fixed.has(path)) return path;
  for (const [known, pattern] of patterns) {
    const rest = known.exec(path)?.[1];
    if (rest !== undefined) return pattern(rest);
  }
  return undefined;
}
