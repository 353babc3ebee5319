/** Entry of the model server in its image: everything else is loaded once compiled code is at hand. */
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { useCompiledCode } from './compiled-code.ts';

const shipped = fileURLToPath(new URL('compiled', import.meta.url));
useCompiledCode({ shipped, temporary: tmpdir(), environment: process.env });
await import('./main.ts');
