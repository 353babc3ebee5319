/** What the demo and the end-to-end tests take from the environment; every mistake is reported at once. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** How requests get to the gateway. */
export type GatewayAccess =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'nodePort'; readonly port: number }
  | { readonly kind: 'portForward' };

export interface Config {
  /** Helm values with the images. */
  readonly valuesFile: string;
  readonly gateway: GatewayAccess;
  /** Where the chart is installed. */
  readonly system: string;
  /** Where the demo's objects live. */
  readonly namespace: string;
}

export type Parsed =
  { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly mistakes: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** The port on 127.0.0.1 at which the project's own cluster serves the gateway. */
export const nodePort = 30080;

function accessOf(environment: Environment): GatewayAccess {
  const url = environment.LIMBECK_GATEWAY_URL;
  if (url !== undefined && url !== '') return { kind: 'url', url: url.replace(/\/$/, '') };
  const cache =
    environment.LIMBECK_CACHE ??
    join(environment.XDG_CACHE_HOME ?? join(environment.HOME ?? '/root', '.cache'), 'limbeck');
  return environment.KUBECONFIG === join(cache, 'cluster', 'admin.conf')
    ? { kind: 'nodePort', port: nodePort }
    : { kind: 'portForward' };
}

/** Reads the settings; `exists` says whether a file is there. */
export function parseConfig(environment: Environment, exists: (path: string) => boolean): Parsed {
  const mistakes: string[] = [];
  const valuesFile = environment.LIMBECK_VALUES ?? 'build/images.yaml';
  if (!exists(valuesFile))
    mistakes.push(
      environment.LIMBECK_VALUES === undefined
        ? 'build/images.yaml is missing: run `make images`, or name your own Helm values with LIMBECK_VALUES.'
        : `LIMBECK_VALUES names ${valuesFile}, which does not exist.`,
    );
  const url = environment.LIMBECK_GATEWAY_URL ?? '';
  if (url !== '' && !URL.canParse(url)) mistakes.push(`LIMBECK_GATEWAY_URL is not a URL: ${url}`);
  if (mistakes.length > 0) return { ok: false, mistakes };
  return {
    ok: true,
    config: { valuesFile, gateway: accessOf(environment), system: 'limbeck-system', namespace: 'default' },
  };
}

/** The settings of this process. */
export const readConfig = (): Parsed => parseConfig(process.env, existsSync);
