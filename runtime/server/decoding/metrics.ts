/**
 * The metrics of language models. They bear vLLM's names where they mean the same, with its label `model_name`, so that its
 * dashboards show them; the rest starts with `limbeck_`.
 */
import { Counter, type Registry } from 'prom-client';
import type { Engine } from '../engine.ts';
import type { Model } from '../model.ts';
import { registerCounters, registerGauges, registerHistogram, type Series, type Subjects } from '../series.ts';
import type { End } from './messages.ts';

const labelNames = ['model_name', 'version'] as const;

const counters: readonly Series[] = [
  {
    name: 'vllm:prompt_tokens_total',
    help: 'Tokens of prompts, those known from earlier prompts included.',
    value: ({ decodingStatistics }) => decodingStatistics.totals.promptTokens,
  },
  {
    name: 'vllm:generation_tokens_total',
    help: 'Tokens written.',
    value: ({ decodingStatistics }) => decodingStatistics.totals.writtenTokens,
  },
  {
    name: 'vllm:prefix_cache_hits_total',
    help: 'Tokens of prompts that were known from earlier prompts and not read again.',
    value: ({ decodingStatistics }) => decodingStatistics.totals.cachedTokens,
  },
  {
    name: 'limbeck_decoding_steps_total',
    help: 'Steps of decoding; each writes one token of every answer in the batch.',
    value: ({ decodingStatistics }) => decodingStatistics.totals.steps,
  },
];

const gauges: readonly Series[] = [
  {
    name: 'vllm:num_requests_running',
    help: 'Answers that are being written.',
    value: ({ decodingStatistics }) => decodingStatistics.writing,
  },
  {
    name: 'vllm:num_requests_waiting',
    help: 'Answers that wait for a slot, or for their prompt to be read.',
    value: ({ decodingStatistics }) => decodingStatistics.waiting,
  },
  {
    name: 'vllm:kv_cache_usage_perc',
    help: 'Share of the slots that are taken; 1 is all.',
    value: ({ decodingStatistics, language }) => decodingStatistics.writing / (language?.slots ?? 1),
  },
  {
    name: 'limbeck_decoding_slots',
    help: 'Answers that can be written at once.',
    value: ({ language }) => language?.slots ?? 0,
  },
  {
    name: 'limbeck_key_value_bytes',
    help: 'Memory set aside for keys and values.',
    value: ({ language }) => language?.keyValueBytes ?? 0,
  },
];

const labelsOf = ({ name, version }: Model) => ({ model_name: name, version });

const languageModels = (models: readonly Model[]): readonly Model[] =>
  models.filter(({ language }) => language !== undefined);

/** vLLM's words for what it knows. */
const reasons = { stop: 'stop', length: 'length', cancelled: 'abort', failed: 'error', expired: 'expired' } as const;

function registerEndings(registry: Registry, engine: Engine): void {
  new Counter({
    name: 'vllm:request_success_total',
    help: 'Answers by why they ended: stop, length, abort (its caller left), expired (its deadline passed), error.',
    labelNames: [...labelNames, 'finished_reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const model of languageModels(engine.counted)) {
        const { endings } = model.decodingStatistics.totals;
        for (const [kind, finished_reason] of Object.entries(reasons))
          this.inc({ ...labelsOf(model), finished_reason }, endings[kind as End['kind']]);
      }
    },
  });
}

function registerTimes(registry: Registry, subjects: Subjects, engine: Engine): void {
  const first = registerHistogram(registry, subjects, {
    name: 'vllm:time_to_first_token_seconds',
    help: 'From the request to its first token, waiting included.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  });
  const each = registerHistogram(registry, subjects, {
    name: 'vllm:inter_token_latency_seconds',
    help: 'From one token of an answer to the next.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  });
  engine.onAdded((model) => {
    const [firstSeconds, eachSeconds] = [first(model), each(model)];
    model.decodingStatistics.onFirstToken = (ms) => firstSeconds(ms / 1000);
    model.decodingStatistics.onToken = (ms) => eachSeconds(ms / 1000);
  });
}

/** Registers the metrics of language models. */
export function registerDecodingMetrics(registry: Registry, engine: Engine): void {
  const counted = { models: () => languageModels(engine.counted), labelNames, labelsOf };
  registerCounters(registry, counted, counters);
  registerGauges(registry, { ...counted, models: () => languageModels(engine.models) }, gauges);
  registerEndings(registry, engine);
  registerTimes(registry, counted, engine);
}
