/** Where the listener is found. */

/** All addresses of both families, as node:http listens; of the older one alone where the machine has no other. */
const wildcards: readonly string[] = ['[::]', '0.0.0.0'];

/** What the library's sentence has of such a machine: the family is not compiled in, or switched off. */
const noFamily = /EAFNOSUPPORT|EADDRNOTAVAIL/;

/** Binds the first of some hosts that the machine has. */
export async function boundTo<T>(bind: (host: string) => Promise<T>, hosts = wildcards): Promise<T> {
  const [host = '', ...others] = hosts;
  try {
    return await bind(host);
  } catch (error) {
    if (others.length === 0 || !(error instanceof Error && noFamily.test(error.message))) throw error;
    return boundTo(bind, others);
  }
}
