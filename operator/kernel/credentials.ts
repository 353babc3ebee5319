/**
 * Who we are to the API server. The only importer of the official client, of which we take the reading of kubeconfig
 * files, service accounts and exec plugins, and nothing that sends requests.
 */
import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../process/clock.ts';

export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Everything one request needs to be believed. */
export interface Access {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Changes exactly when the TLS material or the server does: connections made under another one are stale. */
  readonly fingerprint: string;
}

export interface Credentials {
  /** Read again now and then: tokens and certificates on disk rotate. */
  current(): Promise<Access>;
  /** Read everything anew, after the API server said 401. */
  renew(): Promise<Access>;
}

/** Token files are re-read at most this much after the library thinks them old, which is after 60 s. */
const freshMs = 15_000;

/** From this kubeconfig; without one from KUBECONFIG, the usual file, or the pod's service account, in this order. */
export function defaultCredentials(clock: Clock, kubeconfig?: string): Credentials {
  return new ReadCredentials(clock, kubeconfig);
}

class ReadCredentials implements Credentials {
  readonly #clock: Clock;
  readonly #kubeconfig: string | undefined;
  #config: KubeConfig;
  #read: { readonly access: Promise<Access>; readonly atMs: number } | undefined;

  constructor(clock: Clock, kubeconfig: string | undefined) {
    this.#clock = clock;
    this.#kubeconfig = kubeconfig;
    this.#config = load(kubeconfig);
  }

  current(): Promise<Access> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#read !== undefined && nowMs - this.#read.atMs < freshMs) return this.#read.access;
    const access = accessOf(this.#config);
    this.#read = { access, atMs: nowMs };
    // A failed read must not be remembered: the next request tries again.
    access.catch(() => (this.#read = undefined));
    return access;
  }

  async renew(): Promise<Access> {
    const atMs = this.#clock.monotonicMs();
    // A file that is just being written is read at the next occasion; until then the old one counts. So it does where there
    // is none for a moment: the library would have us ask a server on this machine, of which no access can be made.
    const config = load(this.#kubeconfig);
    const access = await accessOf(config);
    this.#config = config;
    this.#read = { access: Promise.resolve(access), atMs };
    return access;
  }
}

function load(kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config;
}

async function accessOf(config: KubeConfig): Promise<Access> {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('no cluster is configured: set KUBECONFIG or run inside a pod');
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const tls = tlsOf(options);
  const headers = headersOf(options);
  return { server, headers, tls, fingerprint: fingerprintOf(server, tls) };
}

function tlsOf(options: RequestOptions): TlsMaterial {
  const named = {
    ca: options.ca,
    cert: options.cert,
    key: options.key,
    passphrase: options.passphrase,
    servername: options.servername,
    rejectUnauthorized: options.rejectUnauthorized,
  };
  const present = Object.entries(named).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(present);
}

function headersOf(options: RequestOptions & { headers: Record<string, string> }): Record<string, string> {
  // A token file ends with a newline, which no header may contain.
  const entries = Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value.trim()]);
  const basic = options.auth ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` } : {};
  return { ...basic, ...(Object.fromEntries(entries) as Record<string, string>) };
}

function fingerprintOf(server: string, tls: TlsMaterial): string {
  const hash = createHash('sha256').update(server);
  for (const [name, value] of Object.entries(tls)) hash.update(name).update(String(value));
  return hash.digest('hex');
}
