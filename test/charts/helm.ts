/** Renders the chart as `helm install` would. The program is LIMBECK_HELM, or helm of the PATH. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
const helm = process.env.LIMBECK_HELM ?? 'helm';

type Labels = Readonly<Record<string, string>>;

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface PodSpec {
  readonly securityContext: { readonly runAsUser: number };
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly nodeSelector?: Labels;
  readonly containers: readonly { readonly securityContext: object; readonly resources: object }[];
  readonly volumes?: readonly { readonly name: string }[];
}

/** `<group>/<resource> <verb>` of every right that rules give. */
export const rightsIn = (rules: readonly Rule[] = []): readonly string[] =>
  rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((name) => verbs.map((verb) => `${group}/${name} ${verb}`))),
    )
    .sort();

/** What tests look at of any object; a field is there where its kind has it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec: {
    readonly selector: Labels & { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
      readonly spec: PodSpec;
    };
  };
  readonly rules?: readonly Rule[];
  readonly stringData?: Labels;
  readonly data?: Labels;
}

/** The same of every right that a component has by its roles. */
export const rightsGiven = (manifests: readonly Manifest[], component: string): readonly string[] =>
  manifests
    .filter(({ kind, metadata }) => kind.endsWith('Role') && metadata.name.includes(`-${component}`))
    .flatMap(({ rules }) => rightsIn(rules));

/** What a cluster of today serves besides Kubernetes' own kinds, as far as the chart cares. */
const served = ['monitoring.coreos.com/v1'];

/** A release as its user names it, and where it is. */
export interface Release {
  readonly name: string;
  readonly namespace: string;
}

const usual: Release = { name: 'limbeck', namespace: 'limbeck-system' };

/** The rendered text; rejects with Helm's message. Nothing of a cluster is looked at. */
export const render = (valuesFile?: string, ...settings: readonly string[]): Promise<string> =>
  renderWhere(served, valuesFile, ...settings);

/** The same where the cluster serves only these APIs besides Kubernetes' own. */
export const renderWhere = (
  apis: readonly string[],
  valuesFile?: string,
  ...settings: readonly string[]
): Promise<string> => template(usual, apis, valuesFile, settings);

/** The same of another release. */
export const renderAs = (release: Release, valuesFile?: string, ...settings: readonly string[]): Promise<string> =>
  template(release, served, valuesFile, settings);

/** Where a chart is rendered, if not as usual. */
export interface Where {
  readonly apis?: readonly string[];
  readonly chart?: string;
}

/** The same of values as they would be in a file, where a text that looks like a number stays a text. */
export async function renderValues(values: object, { apis = served, chart }: Where = {}): Promise<string> {
  const rendering = run(helm, [...templateOf(usual, apis, chart), '--values', '-'], { maxBuffer: 1 << 26 });
  rendering.child.stdin?.end(JSON.stringify(values));
  return (await rendering).stdout;
}

const templateOf = (
  { name, namespace }: Release,
  apis: readonly string[],
  chart = 'charts/limbeck',
): readonly string[] => [
  ...['template', name, chart, '--namespace', namespace, '--kube-version', '1.34.0'],
  ...apis.flatMap((api) => ['--api-versions', api]),
];

async function template(
  release: Release,
  apis: readonly string[],
  valuesFile: string | undefined,
  settings: readonly string[],
): Promise<string> {
  const values = valuesFile === undefined ? [] : ['--values', valuesFile];
  const set = settings.flatMap((setting) => ['--set', setting]);
  const { stdout } = await run(helm, [...templateOf(release, apis), ...values, ...set], { maxBuffer: 1 << 26 });
  return stdout;
}

/** The rendered objects. */
export const objects = (text: string): readonly Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
