/**
 * Guards a proxy as an API server guards itself: TLS by an authority of its own, and a token or a client certificate,
 * which a real kubeconfig names by its files. One of them is exchanged in the course of a run.
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer, type Server as TlsServer, type ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { defaultCredentials, type Credentials } from '../../operator/kernel/credentials.ts';
import { systemClock } from '../../process/clock.ts';
import { newIdentity, type Identity } from '../support/certificates.ts';
import type { Credential } from './plan.ts';

/** Before and after; to make them takes a moment, so they are made once. */
export interface Identities {
  readonly servers: readonly [Identity, Identity];
  readonly clients: readonly [Identity, Identity];
}

export async function newIdentities(): Promise<Identities> {
  const [one, other, client, next] = await Promise.all(['one', 'other', 'client', 'next'].map(newIdentity));
  return { servers: [one!, other!], clients: [client!, next!] };
}

/** From an exchange to the first request that is let in: what a kubelet takes for it, and some. */
export const recoveredWithinMs = 60_000;

export class Gate {
  readonly #what: Credential;
  readonly #identities: Identities;
  readonly #folder: string;
  #round: 0 | 1 = 0;
  #server: TlsServer | undefined;
  #rotatedMs: number | undefined;
  /** Milliseconds from the exchange to the first request that was let in; undefined: none was. */
  recoveredAfterMs: number | undefined;

  /** The credentials were exchanged, and nobody has come with the new ones yet. */
  get isAwaiting(): boolean {
    return this.#rotatedMs !== undefined && this.recoveredAfterMs === undefined;
  }

  private constructor(what: Credential, identities: Identities, folder: string) {
    this.#what = what;
    this.#identities = identities;
    this.#folder = folder;
  }

  static async open(what: Credential, identities: Identities): Promise<Gate> {
    const gate = new Gate(what, identities, await mkdtemp(join(tmpdir(), 'limbeck-gate-')));
    await gate.#writeFiles(0);
    return gate;
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }

  /** Node's servers over TLS and without differ in their types alone. */
  server(serve: RequestListener): Server {
    this.#server = createServer(this.#tls(), serve);
    return this.#server;
  }

  /** Like an API server it lets everyone connect, and answers 401 to whom it does not know. */
  admits({ headers, socket }: IncomingMessage): boolean {
    const isKnown =
      this.#what === 'client certificate'
        ? (socket as TLSSocket).authorized
        : headers.authorization === `Bearer ${this.#token(this.#round)}`;
    if (isKnown && this.#rotatedMs !== undefined) this.recoveredAfterMs ??= performance.now() - this.#rotatedMs;
    return isKnown;
  }

  /** From here on only what is new counts; the files tell it later. */
  rotate(what: Credential, lateMs: number): void {
    if (what !== this.#what) throw new Error(`the gate is about the ${this.#what}`);
    this.#round = 1;
    this.#rotatedMs = performance.now();
    this.#server?.setSecureContext(this.#tls());
    // A run that is over has taken its files away.
    setTimeout(() => void this.#writeFiles(1).catch(() => undefined), lateMs);
  }

  /** What an operator reads that talks to this address. */
  async credentialsFor(server: string): Promise<Credentials> {
    const user =
      this.#what === 'client certificate'
        ? { 'client-certificate': 'client.crt', 'client-key': 'client.key' }
        : { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(this.#folder, 'token') } } };
    const kubeconfig = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'gate' },
      clusters: [{ name: 'gate', cluster: { server, 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'operator', user }],
      contexts: [{ name: 'gate', context: { cluster: 'gate', user: 'operator' } }],
    };
    const path = join(this.#folder, 'kubeconfig');
    await writeFile(path, stringify(kubeconfig));
    return defaultCredentials(systemClock, path);
  }

  #token(round: 0 | 1): string {
    return `token-${String(this.#roundOf('token', round))}`;
  }

  /** Everything but what the run is about stays as it was. */
  #roundOf(what: Credential, round: 0 | 1): 0 | 1 {
    return what === this.#what ? round : 0;
  }

  #tls(): ServerOptions {
    const { servers, clients } = this.#identities;
    const { certificate, key } = servers[this.#roundOf('authority', this.#round)];
    const { authority } = clients[this.#roundOf('client certificate', this.#round)];
    return { cert: certificate, key, ca: authority, requestCert: true, rejectUnauthorized: false };
  }

  /** Each at once and whole, as a kubelet exchanges them. */
  async #writeFiles(round: 0 | 1): Promise<void> {
    const client = this.#identities.clients[this.#roundOf('client certificate', round)];
    const texts: Readonly<Record<string, string>> = {
      token: `${this.#token(round)}\n`,
      'ca.crt': this.#identities.servers[this.#roundOf('authority', round)].authority,
      'client.crt': client.certificate,
      'client.key': client.key,
    };
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(this.#folder, `${name}.new`), text);
      await rename(join(this.#folder, `${name}.new`), join(this.#folder, name));
    }
  }
}
