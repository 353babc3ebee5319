/**
 * Code that was compiled when the image was built: V8 takes it in the place of compiling what a start needs.
 *
 * Node calls the folder of its cache by the user, the CPU's features and V8's flags, so that an image's would be found by the user
 * and on the CPU that built it alone. V8 itself wants no more than its own version, its flags and the same source, which Node
 * compares by content, and compiles whatever is not so. Thus each process that starts has a cache of its own, under the name that
 * Node gives it, which leads to what the image has; nobody writes there.
 */
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/** Where code is taken from, a folder for temporary files, and the environment of threads and processes that are started later. */
export interface Place {
  readonly shipped: string;
  readonly temporary: string;
  readonly environment: Record<string, string | undefined>;
}

/** Takes compiled code, in this process and in what it starts; without it, or where nothing can be written, all is compiled as ever. */
export function useCompiledCode({ shipped, temporary, environment }: Place): void {
  // Somebody has a cache of their own.
  if (environment['NODE_COMPILE_CACHE'] !== undefined || !existsSync(shipped)) return;
  try {
    const folder = mkdtempSync(join(temporary, 'compiled-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    enableCompileCache(folder);
    // None where Node was told to do without.
    const [name] = readdirSync(folder);
    if (name === undefined) return;
    rmdirSync(join(folder, name));
    symlinkSync(shipped, join(folder, name));
    environment['NODE_COMPILE_CACHE'] = folder;
  } catch {
    // It only starts later.
  }
}
