/** What Node says of errors of the system. By shape, since such errors need not be of this realm's Error class. */

/** The code that Node gives to errors of the system; undefined for everything else. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Whether a file system error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

/** Whether an error says that what is written has no place: such errors of a stream name no path. */
export function isOutOfRoom(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'].includes(String(codeOf(error)));
}

/** Whether a file system error says that what is there cannot be read by us, now or later. */
export function isForbidden(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'ELOOP'].includes(String(codeOf(error)));
}
