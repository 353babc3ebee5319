/** Bundles every process into one file for its image: build/dist/{operator,gateway,server,worker}.mjs. */
import { copyFile } from 'node:fs/promises';
import { build } from 'esbuild';

const entryPoints = {
  operator: 'operator/main.ts',
  gateway: 'operator/gateway/main.ts',
  server: 'runtime/server/main.ts',
  worker: 'runtime/server/worker.ts',
};

await build({
  entryPoints,
  outdir: 'build/dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['onnxruntime-node'],
  // Bundled CommonJS packages ask for Node's own modules through `require`, which ES modules do not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});

// Read at run time by the library that speaks it.
await copyFile('runtime/server/grpc/open-inference.proto', 'build/dist/open-inference.proto');
