/**
 * How requests are traced, by the standard variables of OpenTelemetry. Where spans go, with what headers, certificates and
 * patience, the exporter reads from the same environment itself.
 */
import type { Reader } from '../environment.ts';

/** Which requests are traced. */
export interface SamplerConfig {
  /** Whether a caller's own decision counts. */
  readonly parentBased: boolean;
  /** Share of the requests about which nobody has decided, from 0 to 1. */
  readonly ratio: number;
}

/** How spans are collected before they are sent. */
export interface TracingConfig {
  readonly sampler: SamplerConfig;
  /** Most spans that wait to be sent; what comes beyond is dropped. */
  readonly queueLimit: number;
  /** Most spans of one message. */
  readonly batchLimit: number;
  /** How long spans wait for others. */
  readonly delayMs: number;
}

const samplers = {
  always_on: { parentBased: false, ratio: 1 },
  always_off: { parentBased: false, ratio: 0 },
  traceidratio: { parentBased: false, ratio: undefined },
  parentbased_always_on: { parentBased: true, ratio: 1 },
  parentbased_always_off: { parentBased: true, ratio: 0 },
  parentbased_traceidratio: { parentBased: true, ratio: undefined },
} as const;

type SamplerName = keyof typeof samplers;

const samplerNames = Object.keys(samplers) as SamplerName[];

function samplerOf(reader: Reader): SamplerConfig {
  const { parentBased, ratio } = samplers[reader.word('OTEL_TRACES_SAMPLER', samplerNames, 'parentbased_always_on')];
  return { parentBased, ratio: ratio ?? reader.fraction('OTEL_TRACES_SAMPLER_ARG', 1) };
}

/** The more special of two variables that say the same. */
function specific(reader: Reader, what: 'ENDPOINT' | 'PROTOCOL'): readonly [name: string, value: string | undefined] {
  const [own, common] = [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`];
  const value = reader.text(own);
  return value === undefined ? [common, reader.text(common)] : [own, value];
}

function checkWire(reader: Reader, [name, endpoint]: readonly [string, string]): void {
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    reader.mistakes.push(`${name}='${endpoint}' is not http(s)://<host>`);
  const [protocolName, protocol = 'http/protobuf'] = specific(reader, 'PROTOCOL');
  if (protocol !== 'http/protobuf')
    reader.mistakes.push(`${protocolName}='${protocol}' is not http/protobuf, which alone is spoken here`);
}

/** Undefined where no collector is named, or tracing is switched off. */
export function tracingOf(reader: Reader): TracingConfig | undefined {
  const [name, endpoint] = specific(reader, 'ENDPOINT');
  if (endpoint === undefined || reader.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  if (reader.word('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'otlp') === 'none') return undefined;
  checkWire(reader, [name, endpoint]);
  const queueLimit = reader.integer('OTEL_BSP_MAX_QUEUE_SIZE', { fallback: 2048, min: 1, max: 1_000_000 });
  const batch = { fallback: Math.min(512, queueLimit), min: 1, max: queueLimit };
  return {
    sampler: samplerOf(reader),
    queueLimit,
    batchLimit: reader.integer('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', batch),
    delayMs: reader.integer('OTEL_BSP_SCHEDULE_DELAY', { fallback: 5000, min: 0, max: 86_400_000 }),
  };
}
