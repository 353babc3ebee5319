/**
 * A ModelService → its Deployment, the headless Service that the gateway watches, and the Service that users call, which
 * is a DNS alias of the gateway. Pure.
 */
import type { Deployment } from '../api/kubernetes.ts';
import { annotations, labels, managedBy, replicasServiceName, shortHash } from '../api/names.ts';
import { deployments, services, type ModelService } from '../api/resources.ts';
import type { KubeObject } from '../kernel/objects.ts';
import type { Child } from '../kernel/reconcile.ts';
import {
  containerSecurity,
  podSecurity,
  resourcesOf,
  schedulingOf,
  scratch,
  storeEnvFrom,
} from '../workloads/pod-parts.ts';
import type { GpuProfile, Settings } from '../workloads/settings.ts';
import type { Artefact } from './validate.ts';

/** Port of the server in each pod. */
export const serverPort = 8080;

/**
 * From SIGTERM to the end of the server at the latest: as long as a gateway waits for an answer (LIMBECK_ANSWER_SECONDS), so that a
 * stream or a long answer comes to its end. Who has nothing under way ends after a few seconds.
 */
const drainSeconds = 300;
/** More than all gateways together give one replica: what is held is held in the gateway, in one line. */
const serverQueueLimit = 20_000;

/** What is served: a change of it is a new revision and rolls, a change of anything else does not. */
export const revisionOf = ({ spec }: ModelService, artefact: Artefact): string =>
  shortHash({ artefact, runtime: spec.runtime, placement: spec.placement });

/** What one pass wants to run. */
export interface Target {
  readonly revision: string;
  readonly profile: string;
  readonly template: object;
  /** Hash of the template as it was rendered when the revision was new. */
  readonly templateHash: string;
}

export interface Rendering {
  readonly service: ModelService;
  readonly artefact: Artefact;
  readonly profileName: string;
  readonly profile: GpuProfile;
  readonly settings: Settings;
}

/** A revision as this operator, with its present settings, renders it. */
export function renderedTarget(rendering: Rendering): Target {
  const revision = revisionOf(rendering.service, rendering.artefact);
  const template = podTemplate(rendering, revision);
  return { revision, profile: rendering.profileName, template, templateHash: shortHash(template) };
}

/**
 * What a Deployment runs, to the letter: a revision keeps the template it began with, so that neither an upgrade of the
 * operator nor other settings nor a node that left restarts a replica.
 */
export function observedTarget({ metadata, spec }: Deployment): Target | undefined {
  const { [annotations.revision]: revision, [annotations.profile]: profile = '' } = metadata.annotations ?? {};
  if (revision === undefined || spec?.template === undefined) return undefined;
  const templateHash = metadata.annotations?.[annotations.template] ?? '';
  return { revision, profile, template: spec.template, templateHash };
}

interface PodTemplate {
  readonly spec?: { readonly containers?: readonly { readonly envFrom?: readonly Source[] }[] };
}

interface Source {
  readonly secretRef?: { readonly name?: string };
}

/** Its pods want Secrets, and the store's is not among them: it had another name when they were made. */
export function isOfAnotherStore(template: object, { store }: Settings): boolean {
  const containers = (template as PodTemplate).spec?.containers ?? [];
  const secrets = containers.flatMap(({ envFrom = [] }) => envFrom.flatMap(({ secretRef }) => secretRef?.name ?? []));
  return secrets.length > 0 && !secrets.includes(store.secretName);
}

/** Selector of the pods, as an object: those that a deleted service of this name has left are not asked any more. */
export const selectorOf = ({ metadata }: ModelService) => ({
  [labels.modelService]: metadata.name,
  [labels.root]: metadata.uid ?? '',
});

const labelsOf = (service: ModelService) => ({ ...managedBy, ...selectorOf(service) });

function podTemplate({ service, artefact, profile, settings }: Rendering, revision: string): object {
  const tmp = scratch();
  return {
    metadata: { labels: { ...labelsOf(service), [labels.revision]: revision } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: podSecurity,
      // The server drains by itself: on SIGTERM it goes on answering while the gateways hear of it, so no preStop.
      terminationGracePeriodSeconds: drainSeconds + 5,
      ...schedulingOf(profile),
      containers: [
        {
          name: 'server',
          image: profile.images?.server ?? settings.images.server,
          imagePullPolicy: settings.imagePullPolicy,
          command: ['node', '/app/server.mjs'],
          env: environmentOf(service, artefact, settings),
          envFrom: storeEnvFrom(settings),
          ports: [{ name: 'http', containerPort: serverPort, protocol: 'TCP' }],
          ...probes,
          resources: resourcesOf(profile, service.spec.placement.resources),
          securityContext: containerSecurity,
          terminationMessagePolicy: 'FallbackToLogsOnError',
          volumeMounts: [tmp.mount],
        },
      ],
      volumes: [tmp.volume],
    },
  };
}

function environmentOf(
  { metadata, spec }: ModelService,
  { uri, sha256 }: Artefact,
  { serverEnvironment }: Settings,
): readonly object[] {
  const { instances, threads, maxBatch } = spec.runtime.onnx;
  const values = {
    ...whoTraces(metadata, serverEnvironment),
    ...serverEnvironment,
    LIMBECK_PORT: serverPort,
    LIMBECK_MODEL_NAME: metadata.name,
    LIMBECK_MODEL_URI: verbatim(uri),
    LIMBECK_MODEL_SHA256: sha256,
    ...(instances === undefined ? {} : { LIMBECK_INSTANCES: instances }),
    ...(threads === undefined ? {} : { LIMBECK_INTRA_OP_THREADS: threads }),
    ...(maxBatch === undefined ? {} : { LIMBECK_MAX_BATCH: maxBatch }),
    LIMBECK_QUEUE_LIMIT: serverQueueLimit,
    LIMBECK_DRAIN_SECONDS: drainSeconds,
    LIMBECK_CACHE_DIR: '/tmp/models',
  };
  return [...Object.entries(values).map(([name, value]) => ({ name, value: String(value) })), millicores];
}

/**
 * The kubelet puts variables of the container in the place of `$(NAME)`, those of the store's Secret too, and makes one `$` of
 * two. What a user names, messages repeat: nobody may have a key told by it.
 */
const verbatim = (text: string): string => text.replaceAll('$', '$$$$');

/** Who a model server is in traces, by the semantic conventions of OpenTelemetry; nobody where none is configured. */
function whoTraces({ name, namespace = '' }: ModelService['metadata'], variables: Settings['serverEnvironment']) {
  if (!Object.keys(variables).some((variable) => variable.startsWith('OTEL_'))) return {};
  return { OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: `service.namespace=${namespace}` };
}

/** The limit of its CPUs, from which the server tells how many threads it runs. */
const millicores = {
  name: 'LIMBECK_CPU_MILLICORES',
  valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } },
};

/** Live as soon as it listens; ready only after a real inference. Loading may take any time: it is no reason to restart. */
const probes = {
  startupProbe: probe('/v2/health/live', { periodSeconds: 1, failureThreshold: 120 }),
  livenessProbe: probe('/v2/health/live', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
  readinessProbe: probe('/v2/health/ready', { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3 }),
};

function probe(path: string, times: Readonly<Record<string, number>>): object {
  return { httpGet: { path, port: 'http' }, ...times };
}

/** How a Deployment is to stand. */
export interface Deploying {
  readonly target: Target;
  readonly replicas: number;
  /** See strategyOf. */
  readonly noRoom: boolean;
}

/**
 * New replicas come before old ones go, and an old one goes only when a new one answers: a bad revision takes nothing
 * away. Where the new one finds no room, because the old ones hold every GPU, that would wait for ever; then, after a
 * while, one old replica makes room. At most one is ever missing; where there was only one, the gateway holds requests.
 */
const strategyOf = (noRoom: boolean): object => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge: 1, maxUnavailable: noRoom ? 1 : 0 },
});

type Made = KubeObject & { readonly spec: object };

function desiredDeployment(service: ModelService, { target, replicas, noRoom }: Deploying): Made {
  const { namespace = '', name } = service.metadata;
  const notes = {
    [annotations.revision]: target.revision,
    [annotations.profile]: target.profile,
    [annotations.template]: target.templateHash,
  };
  return {
    apiVersion: deployments.apiVersion,
    kind: deployments.kind,
    metadata: { name, namespace, labels: labelsOf(service), annotations: notes },
    spec: {
      replicas,
      revisionHistoryLimit: 2,
      selector: { matchLabels: selectorOf(service) },
      strategy: strategyOf(noRoom),
      template: target.template,
    },
  };
}

/** A template is told by the hash of its rendering, which is among the annotations: what was found may change at each write. */
function deploymentChild(service: ModelService, deploying: Deploying): Child {
  const object = desiredDeployment(service, deploying);
  const toldBy: Made = { ...object, spec: { ...object.spec, template: undefined } };
  return { resource: deployments, object, toldBy };
}

function desiredService(service: ModelService, name: string, spec: object): Made {
  const { namespace = '' } = service.metadata;
  const { apiVersion, kind } = services;
  return { apiVersion, kind, metadata: { name, namespace, labels: labelsOf(service) }, spec };
}

/** Everything that a ModelService with something to run is made of. */
export function desiredChildren(service: ModelService, deploying: Deploying, settings: Settings): readonly Child[] {
  const { name } = service.metadata;
  const replicas = desiredService(service, replicasServiceName(name), {
    type: 'ClusterIP',
    clusterIP: 'None',
    selector: selectorOf(service),
    ports: [{ name: 'http', port: serverPort, protocol: 'TCP', targetPort: 'http' }],
  });
  const { gateway, clusterDomain } = settings;
  const door = desiredService(service, name, {
    type: 'ExternalName',
    externalName: `${gateway.service}.${gateway.namespace}.svc.${clusterDomain}`,
  });
  return [
    { resource: services, object: replicas },
    { resource: services, object: door },
    deploymentChild(service, deploying),
  ];
}

/** Where users reach the model inside the cluster: the alias, whose Host header tells the gateway which service is meant. */
export function urlOf({ metadata }: ModelService, { gateway, clusterDomain }: Settings): string {
  const { name, namespace = '' } = metadata;
  const port = gateway.port === 80 ? '' : `:${String(gateway.port)}`;
  return `http://${name}.${namespace}.svc.${clusterDomain}${port}/v2/models/${name}`;
}
