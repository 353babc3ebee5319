/** Environment and configuration file → Config of the operator; every mistake is reported at once. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { logLevels, sentenceOf, type LogLevel } from '../process/logger.ts';
import type { LeaderElection } from './kernel/manager.ts';
import type { Settings } from './workloads/settings.ts';
import { Fields } from './config-fields.ts';

/** How the operator runs. */
export interface Config {
  readonly settings: Settings;
  readonly adminPort: number;
  readonly logLevel: LogLevel;
  readonly podName: string;
  /** Where the operator's Lease lives. */
  readonly namespace: string;
  readonly leaderElection: LeaderElection;
  /** The one namespace that is served, without a look at nodes; undefined for all. */
  readonly watchNamespace: string | undefined;
}

/** A configuration, or every mistake in it. */
export type Parsed =
  { readonly ok: true; readonly value: Config } | { readonly ok: false; readonly violations: readonly string[] };

const members = [
  ...['images', 'imagePullPolicy', 'store', 'gateway', 'clusterDomain', 'gpuProfiles'],
  ...['leaderElection', 'watchNamespace', 'schedulerName', 'serverEnvironment'],
];

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings of the operator from an environment and the text of its configuration file. */
export function parseConfig(environment: Environment, text: string): Parsed {
  const violations: string[] = [];
  const variables = new Fields(withoutEmpty(environment), '', violations);
  const file = new Fields(documentOf(text, violations), '', violations);
  const value: Config = {
    settings: settingsOf(file),
    adminPort: variables.integer('LIMBECK_ADMIN_PORT', { least: 0, most: 65535, fallback: 8081 }),
    logLevel: variables.oneOf('LIMBECK_LOG_LEVEL', logLevels, 'info'),
    podName: variables.text('POD_NAME', hostname()),
    namespace: variables.text('POD_NAMESPACE', 'default'),
    leaderElection: electionOf(file.object('leaderElection', true)),
    watchNamespace: file.optional('watchNamespace', () => file.text('watchNamespace')),
  };
  file.only([...members]);
  const { watchNamespace, settings } = value;
  // Gateways are found by the EndpointSlices of their Service, which would not be seen elsewhere.
  if (watchNamespace !== undefined && watchNamespace !== settings.gateway.namespace)
    file.refuse('must have the gateway in watchNamespace');
  return violations.length === 0 ? { ok: true, value } : { ok: false, violations };
}

/** A variable that is set to nothing counts as absent. */
const withoutEmpty = (environment: Environment): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''));

function documentOf(text: string, violations: string[]): unknown {
  try {
    return parse(text);
  } catch (error) {
    violations.push(`the configuration file is not YAML: ${sentenceOf(error).split('\n')[0] ?? ''}`);
    return {};
  }
}

function settingsOf(file: Fields): Settings {
  const [images, store, gateway] = [file.object('images'), file.object('store'), file.object('gateway')];
  images.only(['trainer', 'server']);
  store.only(['uri', 'secretName']);
  gateway.only(['service', 'namespace', 'port', 'adminPort', 'graceSeconds']);
  const port = { least: 1, most: 65535 };
  const schedulerName = file.optional('schedulerName', () => file.text('schedulerName'));
  return {
    images: { trainer: images.text('trainer'), server: images.text('server') },
    imagePullPolicy: file.oneOf('imagePullPolicy', ['Always', 'IfNotPresent', 'Never'], 'IfNotPresent'),
    store: {
      uri: store.match('uri', /^s3:\/\/[^/]+(\/.*)?$/, 's3://<bucket>').replace(/\/+$/, ''),
      secretName: store.text('secretName'),
    },
    gateway: {
      service: gateway.text('service'),
      namespace: gateway.text('namespace'),
      port: gateway.integer('port', { ...port, fallback: 80 }),
      adminPort: gateway.integer('adminPort', { ...port, fallback: 8081 }),
      graceSeconds: gateway.integer('graceSeconds', { least: 1, most: 7200, fallback: 45 }),
    },
    clusterDomain: file.text('clusterDomain', 'cluster.local'),
    ...(schedulerName === undefined ? {} : { schedulerName }),
    serverEnvironment: variablesOf(file),
    gpuProfiles: profilesOf(file.object('gpuProfiles')),
  };
}

/** What of the model server's configuration an installation may decide: the rest follows from each ModelService. */
const serverVariable =
  /^(OTEL_[A-Z0-9_]+|LIMBECK_(ACCESS_LOG_SAMPLE|ISOLATION|LOG_LEVEL|MAX_BODIES_BYTES|MAX_BODY_BYTES|MAX_OUTPUT_TOKENS|MAX_SEQUENCE_LENGTH|PREFILL_TOKENS|PROVIDER|RUN_SECONDS|SLOTS))$/;

function variablesOf(file: Fields): Readonly<Record<string, string>> {
  const variables = file.object('serverEnvironment', true);
  const others = variables.names.filter((name) => !serverVariable.test(name));
  if (others.length > 0) variables.refuse(`must not set ${others.join(', ')}`);
  return Object.fromEntries(variables.names.map((name) => [name, variables.text(name)]));
}

function profilesOf(profiles: Fields): Settings['gpuProfiles'] {
  return Object.fromEntries(profiles.names.map((name) => [name, profileOf(profiles.object(name, true))]));
}

function profileOf(profile: Fields): Settings['gpuProfiles'][string] {
  profile.only(['resourceName', 'count', 'nodeSelector', 'tolerations', 'autoscaled', 'memoryGiB', 'images']);
  const count = profile.optional('count', () => profile.integer('count', { least: 1, most: 1024 }));
  const memoryGiB = profile.optional('memoryGiB', () => profile.integer('memoryGiB', { least: 1, most: 65536 }));
  const autoscaled = profile.optional('autoscaled', () => profile.flag('autoscaled'));
  const resourceName = profile.optional('resourceName', () => profile.text('resourceName'));
  const nodeSelector = profile.optional('nodeSelector', () => profile.texts('nodeSelector'));
  const tolerations = profile.optional('tolerations', () => profile.list('tolerations').map(tolerationOf));
  return {
    ...(resourceName === undefined ? {} : { resourceName }),
    ...(count === undefined ? {} : { count }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(autoscaled === undefined ? {} : { autoscaled }),
    ...(memoryGiB === undefined ? {} : { memoryGiB }),
    ...(profile.names.includes('images') ? { images: profileImagesOf(profile.object('images')) } : {}),
  };
}

function profileImagesOf(images: Fields): NonNullable<Settings['gpuProfiles'][string]['images']> {
  images.only(['trainer', 'server']);
  const trainer = images.optional('trainer', () => images.text('trainer'));
  const server = images.optional('server', () => images.text('server'));
  return { ...(trainer === undefined ? {} : { trainer }), ...(server === undefined ? {} : { server }) };
}

const operators = ['Exists', 'Equal'] as const;
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

function tolerationOf(fields: Fields): NonNullable<Settings['gpuProfiles'][string]['tolerations']>[number] {
  fields.only(['key', 'operator', 'value', 'effect', 'tolerationSeconds']);
  const key = fields.optional('key', () => fields.anyText('key'));
  const operator = fields.optional('operator', () => fields.oneOf('operator', operators, 'Equal'));
  const value = fields.optional('value', () => fields.anyText('value'));
  const effect = fields.optional('effect', () => fields.oneOf('effect', effects, 'NoSchedule'));
  const seconds = fields.optional('tolerationSeconds', () =>
    fields.integer('tolerationSeconds', { least: 0, most: 2 ** 31 - 1 }),
  );
  if (seconds !== undefined && effect !== 'NoExecute')
    fields.refuse('may have tolerationSeconds with effect NoExecute alone');
  return {
    ...(key === undefined ? {} : { key }),
    ...(operator === undefined ? {} : { operator }),
    ...(value === undefined ? {} : { value }),
    ...(effect === undefined ? {} : { effect }),
    ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
  };
}

function electionOf(fields: Fields): LeaderElection {
  fields.only(['leaseName', 'leaseSeconds', 'renewDeadlineSeconds', 'retrySeconds']);
  const seconds = (name: string, fallback: number): number => fields.integer(name, { least: 1, most: 3600, fallback });
  const election = {
    leaseName: fields.text('leaseName', 'limbeck-operator'),
    leaseSeconds: seconds('leaseSeconds', 15),
    renewDeadlineSeconds: seconds('renewDeadlineSeconds', 10),
    retrySeconds: seconds('retrySeconds', 2),
  };
  const { leaseSeconds, renewDeadlineSeconds, retrySeconds } = election;
  // Two leaders at once are what the order of these times rules out.
  if (!(leaseSeconds > renewDeadlineSeconds && renewDeadlineSeconds > 1.2 * retrySeconds))
    fields.refuse('must have leaseSeconds > renewDeadlineSeconds > 1.2 * retrySeconds');
  return election;
}

/** The settings of this process. */
export function readConfig(): Parsed {
  const path = process.env['LIMBECK_CONFIG'] ?? '/etc/limbeck/operator.yaml';
  try {
    return parseConfig(process.env, readFileSync(path, 'utf8'));
  } catch (error) {
    return { ok: false, violations: [`LIMBECK_CONFIG cannot be read: ${sentenceOf(error)}`] };
  }
}
