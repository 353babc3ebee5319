/** Host and path → which service is meant, and the path as its replica knows it. Pure. */

export interface Target {
  /** Namespace and name, `default/digits`. */
  readonly key: string;
  readonly path: string;
}

const prefix = /^\/namespaces\/([a-z0-9-]+)\/services\/([a-z0-9-]+)(?=[/?]|$)/;

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  return (colon === -1 ? host : host.slice(0, colon)).toLowerCase();
}

function byPath(path: string): Target | undefined {
  const match = path.startsWith('/namespaces/') ? prefix.exec(path) : null;
  if (match === null) return undefined;
  const [whole, namespace = '', name = ''] = match;
  const rest = path.slice(whole.length);
  return { key: `${namespace}/${name}`, path: rest.startsWith('/') ? rest : `/${rest}` };
}

function byHost(host: string, path: string, domain: string | undefined): Target | undefined {
  const [name = '', namespace = '', ...rest] = withoutPort(host).split('.');
  if (name === '' || namespace === '') return undefined;
  const ours = rest.length === 0 || rest[0] === 'svc' || rest.join('.') === domain;
  return ours ? { key: `${namespace}/${name}`, path } : undefined;
}

/** Clients that think they talk to a proxy put scheme and authority before the path. */
const absolute = /^http:\/\/([^/?#]+)(?=\/)/;

/**
 * `/namespaces/<ns>/services/<name>/...` with any Host, or Host `<name>.<ns>`, `<name>.<ns>.svc[.<cluster domain>]` or
 * `<name>.<ns>.<domain>`. The authority of a target in absolute form counts in the place of Host (RFC 9112, 3.2.2). Undefined:
 * neither names a service.
 */
export function targetOf(host: string, url: string, domain: string | undefined): Target | undefined {
  const [whole = '', authority = host] = url.startsWith('/') ? [] : (absolute.exec(url) ?? []);
  const path = url.slice(whole.length);
  return byPath(path) ?? byHost(authority, path, domain);
}
