/** What `kubectl apply` refuses, on a real API server: nonsense that would only fail in a pod, and the sentence that says so. */
import { describe, expect, test } from '@jest/globals';
import { pathOf } from '../support/raw-api.ts';
import { atLeast, atMost, gates, refusals, type Changes } from '../support/refusals.ts';

const { api, namespace, refuses } = refusals();

const s3 = (uri: string, sha256?: string): Changes => ({
  'spec.data.source': { s3: { uri, ...(sha256 === undefined ? {} : { sha256 }) } },
});
const profiles = (...gpuProfiles: string[]): Changes => ({ 'spec.placement.gpuProfiles': gpuProfiles });
const mlp = (hidden: unknown): Changes => ({ 'spec.model': { mlp: { hidden } } });
const cnn = (channels: readonly number[], hidden: number): Changes => ({ 'spec.model': { cnn: { channels, hidden } } });
const limits = (resource: string, value: unknown): Changes => ({
  [`spec.placement.resources.limits.${resource}`]: value,
});
const requests = (resource: string, value: unknown): Changes => ({
  [`spec.placement.resources.requests.${resource}`]: value,
});

const uri = 'spec.data.source.s3.uri';
const oneModel = 'exactly one of linear, mlp, cnn, transformer, pretrained or custom must be given';
const oneStudent = 'exactly one of linear, mlp or cnn must be given';
const address = 'must be s3://bucket/path/to/file or s3://bucket/path/to/folder/';
const cpus = 'must be a number of CPUs such as 500m or 2, from 1m to 1024';
const memory = 'must be an amount of memory with its unit such as 512Mi or 2Gi, from 16Mi to 64Ti';
const disk = 'must be an amount of disk with its unit such as 512Mi or 20Gi, from 16Mi to 64Ti';

describe('a TrainingJob is refused with', () => {
  refuses('trainingjobs', [
    ['a field that is misspelt', { 'spec.modle': {} }, 'spec.modle', 'unknown field'],
    ['an unknown field deep inside', { 'spec.optimization.lr': 1 }, 'spec.optimization.lr', 'unknown field'],
    ['an unknown resource', limits('gpu', 1), 'spec.placement.resources.limits.gpu', 'unknown field'],
    ['no spec', { spec: undefined }, 'spec', 'Required value'],
    ['no model', { 'spec.model': undefined }, 'spec.model', 'Required value'],
    ['no data', { 'spec.data': undefined }, 'spec.data', 'Required value'],
    [
      'an unknown task',
      { 'spec.task': 'ranking' },
      'spec.task',
      'supported values: "classification", "regression", "causalLM"',
    ],
    [
      'an unknown optimizer',
      { 'spec.optimization.optimizer': 'x' },
      'spec.optimization.optimizer',
      '"adam", "adamw", "sgd"',
    ],
    ['an unknown data set', { 'spec.data.source': { builtin: 'x' } }, 'spec.data.source.builtin', '"digits"'],
    ['two models', { 'spec.model': { linear: {}, mlp: { hidden: [1] } } }, 'spec.model', oneModel],
    ['no member of the model', { 'spec.model': {} }, 'spec.model', oneModel],
    ['an empty member of the model', { 'spec.model': { linear: null } }, 'spec.model', oneModel],
    [
      'two sources',
      { 'spec.data.source.s3': { uri: 's3://bucket/x' } },
      'spec.data.source',
      'exactly one of builtin, s3, hf, pvc, https or none',
    ],
    ['a name that is too long', { 'metadata.name': 'a'.repeat(53) }, 'metadata.name', 'at most 52 characters'],
    ['a name that is no DNS label', { 'metadata.name': '1a' }, 'metadata.name', 'must start with a letter'],
    ['a dot in its name', { 'metadata.name': 'a.b' }, 'metadata.name', 'only lower-case letters, digits and hyphens'],
  ]);

  refuses('trainingjobs', [
    ['zero workers', { 'spec.distribution.workers': 0 }, 'spec.distribution.workers', atLeast(1)],
    ['half a worker', { 'spec.distribution.workers': 1.5 }, 'spec.distribution.workers', 'must be of type integer'],
    ['too many workers', { 'spec.distribution.workers': 1000 }, 'spec.distribution.workers', atMost(999)],
    [
      'idle workers',
      { 'spec.distribution.workers': 65 },
      'spec.distribution.workers',
      'must not exceed optimization.batchSize',
    ],
    ['no hidden layer', mlp([]), 'spec.model.mlp.hidden', 'at least 1 items'],
    ['a layer of 0', mlp([0]), 'spec.model.mlp.hidden[0]', atLeast(1)],
    ['a layer of 10^9', mlp([1e9]), 'spec.model.mlp.hidden[0]', atMost(16384)],
    ['17 layers', mlp(Array(17).fill(1)), 'spec.model.mlp.hidden', 'at most 16 items'],
    ['one number for layers', mlp(16), 'spec.model.mlp.hidden', 'must be of type array'],
    ['a model that no file can hold', mlp([16384, 16384]), 'spec.model.mlp.hidden', 'too wide for an exported model'],
    [
      'convolutions that no file can hold',
      cnn([4096, 4096], 1),
      'spec.model.cnn.channels',
      'too wide for an exported model',
    ],
    ['a last layer that is too large', cnn([4096], 65536), 'spec.model.cnn', 'at most 16777216'],
    ['no epochs', { 'spec.optimization.epochs': 0 }, 'spec.optimization.epochs', atLeast(1)],
    ['10^9 epochs', { 'spec.optimization.epochs': 1e9 }, 'spec.optimization.epochs', atMost(100000)],
    ['a learning rate of 0', { 'spec.optimization.learningRate': 0 }, 'learningRate', 'must be at least 0.0000001'],
    ['a negative learning rate', { 'spec.optimization.learningRate': -1 }, 'learningRate', 'at least 0.0000001'],
    ['a learning rate in words', { 'spec.optimization.learningRate': 'NaN' }, 'learningRate', 'must be of type number'],
    ['an empty batch', { 'spec.optimization.batchSize': 0 }, 'spec.optimization.batchSize', atLeast(1)],
    ['a negative seed', { 'spec.optimization.seed': -1 }, 'spec.optimization.seed', atLeast(0)],
    ['a seed of 33 bits', { 'spec.data.split.seed': 2 ** 32 }, 'spec.data.split.seed', atMost(2147483647)],
    [
      'nothing to train on',
      { 'spec.data.split': { validation: 0.5, test: 0.5 } },
      'spec.data.split',
      'must be below 1',
    ],
    ['nothing held out', { 'spec.data.split.test': 0 }, 'spec.data.split.test', 'must be at least 0.01'],
    ['a negative share', { 'spec.data.split.validation': -0.1 }, 'spec.data.split.validation', atLeast(0)],
  ]);

  refuses('trainingjobs', [
    ['data on the web', s3('https://bucket/x'), uri, address],
    ['a bucket alone', s3('s3://bucket'), uri, address],
    ['.. in an address', s3('s3://bucket/../x'), uri, 'empty parts, . or ..'],
    ['. in an address', s3('s3://bucket/./x'), uri, 'empty parts, . or ..'],
    ['an empty part of an address', s3('s3://bucket//x'), uri, 'empty parts, . or ..'],
    ['a query in an address', s3('s3://bucket/x?y'), uri, 'without spaces, ?'],
    ['a space in an address', s3('s3://bucket/x y'), uri, 'without spaces, ?'],
    ['two lines in an address', s3('s3://bucket/x\ny'), uri, 'without spaces, ?'],
    ['a bucket in capitals', s3('s3://Bucket/x'), uri, 'a bucket of 3 to 63 lower-case letters'],
    ['an endless address', s3(`s3://bucket/${'x'.repeat(1024)}`), uri, 'may not be more than 1024 bytes'],
    ['a short digest', s3('s3://bucket/x', 'abc'), 'spec.data.source.s3.sha256', '64 lower-case hexadecimal digits'],
    ['a digest in capitals', s3('s3://bucket/x', 'A'.repeat(64)), 'spec.data.source.s3.sha256', '64 lower-case'],
    ['no checkpoint kept', { 'spec.checkpoint.keep': 0 }, 'spec.checkpoint.keep', atLeast(1)],
    ['checkpoints all the time', { 'spec.checkpoint.everySeconds': 0 }, 'spec.checkpoint.everySeconds', atLeast(1)],
    ['negative retries', { 'spec.retry.limit': -1 }, 'spec.retry.limit', atLeast(0)],
    ['endless retries', { 'spec.retry.limit': 11 }, 'spec.retry.limit', atMost(10)],
    ['a deadline of 0', { 'spec.retry.deadlineSeconds': 0 }, 'spec.retry.deadlineSeconds', atLeast(1)],
    ['a negative time to live', { 'spec.ttlSecondsAfterFinished': -1 }, 'spec.ttlSecondsAfterFinished', atLeast(0)],
    ['suspend in words', { 'spec.suspend': 'yes' }, 'spec.suspend', 'must be of type boolean'],
    ['no GPU profile', profiles(), 'spec.placement.gpuProfiles', 'at least 1 items'],
    ['a GPU profile that none can be', profiles('A 100'), 'gpuProfiles[0]', 'name of a GPU profile'],
    ['CPUs in words', limits('cpu', 'many'), 'spec.placement.resources.limits.cpu', cpus],
    ['no CPU', requests('cpu', '0'), 'spec.placement.resources.requests.cpu', cpus],
    ['a negative number of CPUs', requests('cpu', -1), 'spec.placement.resources.requests.cpu', cpus],
    ['a million CPUs', limits('cpu', '1000000'), 'spec.placement.resources.limits.cpu', cpus],
    ['two bytes of memory', limits('memory', '2'), 'spec.placement.resources.limits.memory', memory],
    ['memory in thousandths', limits('memory', '512m'), 'spec.placement.resources.limits.memory', memory],
    ['more memory asked than allowed', requests('memory', '4Gi'), 'placement.resources', 'requests.memory must not'],
    ['two bytes of disk', limits('ephemeral-storage', '2'), 'spec.placement.resources.limits.ephemeral-storage', disk],
    [
      'more disk asked than allowed',
      { ...requests('ephemeral-storage', '4Gi'), ...limits('ephemeral-storage', '1Gi') },
      'placement.resources',
      'requests.ephemeral-storage must not',
    ],
    ['more CPUs asked than allowed', requests('cpu', 2), 'placement.resources', 'requests.cpu must not'],
  ]);

  test.each(['.nan', '.inf'])('a learning rate of %s', async (learningRate) => {
    const lines = ['apiVersion: limbeck.dev/v1alpha1', 'kind: TrainingJob', 'metadata: { name: least }', 'spec:'];
    const spec = `  { task: classification, model: { linear: {} }, data: { source: { builtin: digits } }, optimization: { learningRate: ${learningRate} } }`;
    const { status } = await api.call(`${pathOf(namespace, 'trainingjobs')}/least`, {
      ...{ method: 'PATCH', contentType: 'application/apply-patch+yaml', body: [...lines, spec].join('\n') },
      query: { fieldManager: 'kubectl', fieldValidation: 'Strict', dryRun: 'All' },
    });
    expect([400, 422]).toContain(status);
  });
});

describe('a DistillationJob is refused with', () => {
  const artefact = { uri: 's3://limbeck/models/x', sha256: 'a'.repeat(64) };
  refuses('distillationjobs', [
    ['no teacher', { 'spec.teacher': {} }, 'spec.teacher', 'exactly one of trainingJob or artefact must be given'],
    ['two teachers', { 'spec.teacher.artefact': artefact }, 'spec.teacher', 'exactly one of trainingJob or artefact'],
    [
      'an artefact without digest',
      { 'spec.teacher': { artefact: { uri: artefact.uri } } },
      'artefact.sha256',
      'Required',
    ],
    [
      'an impossible teacher',
      { 'spec.teacher.trainingJob.name': 'A b' },
      'trainingJob.name',
      'must be the name of a job',
    ],
    ['a nameless teacher', { 'spec.teacher.trainingJob.name': '' }, 'trainingJob.name', 'must be the name of a job'],
    ["its teacher's name", { 'metadata.name': 'teacher' }, 'metadata.name', 'must differ from the name of the teacher'],
    ['two students', { 'spec.student.linear': {} }, 'spec.student', oneStudent],
    ['no labels', { 'spec.data.labelled': 0 }, 'spec.data.labelled', atLeast(1)],
    ['no method', { 'spec.method': {} }, 'spec.method', 'a method must be given'],
    ['an unknown method', { 'spec.method.feature': {} }, 'spec.method.feature', 'unknown field'],
    ['a temperature of 0', { 'spec.method.response.temperature': 0 }, 'response.temperature', 'must be at least 0.01'],
    ['an alpha above 1', { 'spec.method.response.alpha': 2 }, 'spec.method.response.alpha', atMost(1)],
    [
      'a gain without control',
      { 'spec.control': false, ...gates({ metric: 'gainOverControl', atLeast: 0 }) },
      'spec.evaluation.gates',
      'needs control to be true',
    ],
    [
      'a negative agreement',
      gates({ metric: 'teacherAgreement', atLeast: -0.5 }),
      'gates[0]',
      'gainOverControl may be as low as -1',
    ],
  ]);
});

describe('a ModelService is refused with', () => {
  const model = 'exactly one of trainingJob, distillationJob or artefact must be given';
  refuses('modelservices', [
    ['a name that is too long', { 'metadata.name': 'a'.repeat(53) }, 'metadata.name', 'at most 52 characters'],
    ['no model', { 'spec.model': {} }, 'spec.model', model],
    ['a name of the Service of replicas', { 'metadata.name': 'a-replicas' }, 'metadata.name', 'must not end with'],
    [
      'a name of the Service of workers',
      { 'metadata.name': 'digits-1a2b3-a1-workers' },
      'metadata.name',
      'must not end',
    ],
    ['two models', { 'spec.model.distillationJob': { name: 'x' } }, 'spec.model', model],
    [
      'a folder of the node',
      { 'spec.model': { artefact: { uri: '/etc', sha256: 'a'.repeat(64) } } },
      'artefact.uri',
      'must be s3://bucket/path/to/folder',
    ],
    ['no runtime', { 'spec.runtime': {} }, 'spec.runtime', 'a runtime must be given'],
    [
      'too many threads',
      { 'spec.runtime.onnx': { instances: 64, threads: 5 } },
      'spec.runtime.onnx',
      'instances times threads',
    ],
    ['an empty batch', { 'spec.runtime.onnx.maxBatch': 0 }, 'spec.runtime.onnx.maxBatch', atLeast(1)],
    [
      'min above max',
      { 'spec.scaling.minReplicas': 5 },
      'spec.scaling',
      'minReplicas must not exceed scaling.maxReplicas',
    ],
    ['no replica at most', { 'spec.scaling.maxReplicas': 0 }, 'spec.scaling.maxReplicas', atLeast(1)],
    ['a negative minimum', { 'spec.scaling.minReplicas': -1 }, 'spec.scaling.minReplicas', atLeast(0)],
    [
      'a target above the most',
      { 'spec.scaling.target.inFlight': 101 },
      'spec.scaling',
      'must not exceed scaling.maxInFlightPerReplica',
    ],
    ['a negative pin', { 'spec.replicas': -1 }, 'spec.replicas', atLeast(0)],
    ['a pin beyond reason', { 'spec.replicas': 1001 }, 'spec.replicas', atMost(1000)],
    ['no patience', { 'spec.scaling.maxColdStartSeconds': 0 }, 'spec.scaling.maxColdStartSeconds', atLeast(1)],
    ['no queue', { 'spec.scaling.queueLimit': 0 }, 'spec.scaling.queueLimit', atLeast(1)],
    ['no idle time', { 'spec.scaling.idleSeconds': 0 }, 'spec.scaling.idleSeconds', atLeast(1)],
  ]);
});
