/** Host and path → which service is meant, and the path as its replica knows it. Pure. */

export interface Target {
  /** Namespace and name, `default/digits`. */
  readonly key: string;
  readonly path: string;
}

const prefix = /^\/namespaces\/([a-z0-9-]+)\/services\/([a-z0-9-]+)(?=[/?]|$)/;

/** As proxies compare it: in small letters, and without port and the dot of the root. */
function nameIn(host: string): string {
  const colon = host.indexOf(':');
  let end = colon === -1 ? host.length : colon;
  while (host[end - 1] === '.') end--;
  return host.slice(0, end).toLowerCase();
}

function byPath(path: string): Target | undefined {
  const match = path.startsWith('/namespaces/') ? prefix.exec(path) : null;
  if (match === null) return undefined;
  const [whole, namespace = '', name = ''] = match;
  const rest = path.slice(whole.length);
  return { key: `${namespace}/${name}`, path: rest.startsWith('/') ? rest : `/${rest}` };
}

function byHost(name: string, path: string): Target | undefined {
  const [service = '', namespace = '', ...rest] = name.split('.');
  if (service === '' || namespace === '') return undefined;
  return rest.length === 0 || rest[0] === 'svc' ? { key: `${namespace}/${service}`, path } : undefined;
}

/** The labels before the domain; undefined: it is not below it, or by one label alone, which can name no service. */
function labelsBelow(name: string, domain: string | undefined): readonly string[] | undefined {
  if (domain === undefined || !name.endsWith(`.${domain}`)) return undefined;
  const labels = name.slice(0, -domain.length - 1).split('.');
  return labels.length > 1 ? labels : undefined;
}

function byLabels([service = '', namespace = '', ...more]: readonly string[], path: string): Target | undefined {
  return service === '' || namespace === '' || more.length > 0 ? undefined : { key: `${namespace}/${service}`, path };
}

/** Clients that think they talk to a proxy put scheme and authority before the path. */
const absolute = /^http:\/\/([^/?#]+)(?=\/)/;

/**
 * Host `<name>.<ns>.<domain>`; else `/namespaces/<ns>/services/<name>/...` with any Host, or Host `<name>.<ns>` or
 * `<name>.<ns>.svc[.<cluster domain>]`. A Host below the domain decides alone, since a proxy may have opened it to those who may
 * ask that service and no other. The authority of a target in absolute form counts in the place of Host (RFC 9112, 3.2.2).
 * Undefined: neither names a service.
 */
export function targetOf(host: string, url: string, domain: string | undefined): Target | undefined {
  const [whole = '', authority = host] = url.startsWith('/') ? [] : (absolute.exec(url) ?? []);
  const path = url.slice(whole.length);
  const name = nameIn(authority);
  const labels = labelsBelow(name, domain);
  if (labels !== undefined) return byLabels(labels, path);
  return byPath(path) ?? byHost(name, path);
}
