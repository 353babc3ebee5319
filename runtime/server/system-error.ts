/** What Node says of errors of the system. By shape, since such errors need not be of this realm's Error class. */

/** The code that Node gives to errors of the system; undefined for everything else. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Whether a file system error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
