/**
 * The server's metrics. Where they mean the same as Triton's they bear Triton's names; the rest starts with `limbeck_`.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import { registerDecodingMetrics } from './decoding/metrics.ts';
import type { Engine } from './engine.ts';
import type { Model } from './model.ts';
import { registerCounters, registerGauges, registerHistogram, type Series, type Subjects } from './series.ts';

const labelNames = ['model', 'version'] as const;

const micros = (milliseconds: number): number => Math.round(milliseconds * 1000);

const counters: readonly Series[] = [
  { name: 'nv_inference_request_success', help: 'Requests answered.', value: ({ statistics }) => statistics.succeeded },
  {
    name: 'nv_inference_request_failure',
    help: 'Requests that reached the model and failed.',
    value: ({ statistics }) => statistics.failed,
  },
  {
    name: 'nv_inference_count',
    help: 'Rows inferred; a batch of n counts n.',
    value: ({ statistics }) => statistics.inferences,
  },
  { name: 'nv_inference_exec_count', help: 'Batches run.', value: ({ statistics }) => statistics.executions },
  {
    name: 'nv_inference_request_duration_us',
    help: 'Sum of request times within the engine, in microseconds.',
    value: ({ statistics }) => micros(statistics.requestMs),
  },
  {
    name: 'nv_inference_queue_duration_us',
    help: 'Sum of the times until the runs of answered requests began, in microseconds.',
    value: ({ statistics }) => micros(statistics.queueMs),
  },
  {
    name: 'nv_inference_compute_infer_duration_us',
    help: 'Sum of run times of ONNX Runtime, in microseconds.',
    value: ({ statistics }) => micros(statistics.computeMs),
  },
  {
    name: 'limbeck_requests_expired_total',
    help: 'Requests that still waited at their deadline, and were not run.',
    value: ({ statistics }) => statistics.expired,
  },
  {
    name: 'limbeck_worker_deaths_total',
    help: 'Workers, threads or processes, that died unasked.',
    value: ({ statistics }) => statistics.workerDeaths,
  },
  {
    name: 'limbeck_worker_hangs_total',
    help: 'Of these: were ended since what they did took too long.',
    value: ({ statistics }) => statistics.workerHangs,
  },
];

const gauges: readonly Series[] = [
  {
    name: 'nv_inference_pending_request_count',
    help: 'Requests that wait for a session.',
    value: ({ waiting }) => waiting,
  },
  {
    name: 'limbeck_model_ready',
    help: '1 when the model answers.',
    value: ({ notReady }) => (notReady === undefined ? 1 : 0),
  },
  {
    name: 'limbeck_model_bytes',
    help: 'What the weights of the model take in its sessions, its processes, and its keys and values.',
    value: ({ bytes }) => bytes,
  },
  {
    name: 'limbeck_model_load_seconds',
    help: 'From the start of the load, download included, to ready.',
    value: ({ statistics }) => statistics.loadMs / 1000,
  },
];

function labelsOf({ name, version }: Model): { model: string; version: string } {
  return { model: name, version };
}

function registerBatchSizes(registry: Registry, subjects: Subjects, engine: Engine): void {
  const of = registerHistogram(registry, subjects, {
    name: 'limbeck_batch_rows',
    help: 'Rows of each batch that ran.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  });
  engine.onAdded((model) => {
    model.statistics.onBatch = of(model);
  });
}

function registerProvider(registry: Registry, engine: Engine): void {
  new Gauge({
    name: 'limbeck_execution_provider_info',
    help: 'ONNX Runtime execution provider that runs the model; always 1.',
    labelNames: [...labelNames, 'provider'],
    registers: [registry],
    collect() {
      this.reset();
      for (const model of engine.models) {
        if (model.facts !== undefined) this.set({ ...labelsOf(model), provider: model.facts.provider }, 1);
      }
    },
  });
}

/** Of a server whose models make room for others. */
function registerBudget(registry: Registry, engine: Engine): void {
  const { budget } = engine;
  if (budget.limitBytes === undefined) return;
  new Gauge({
    name: 'limbeck_models_budget_bytes',
    help: 'What all models together may take.',
    registers: [registry],
  }).set(budget.limitBytes);
  new Counter({
    name: 'limbeck_model_evictions_total',
    help: 'Models that were unloaded to make room for others.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(budget.evictions);
    },
  });
}

/** Registers the server's metrics. */
export function registerMetrics(registry: Registry, engine: Engine): void {
  const counted = { models: () => engine.counted, labelNames, labelsOf };
  registerCounters(registry, counted, counters);
  registerGauges(registry, { ...counted, models: () => engine.models }, gauges);
  registerBatchSizes(registry, counted, engine);
  registerProvider(registry, engine);
  registerBudget(registry, engine);
  registerDecodingMetrics(registry, engine);
}
