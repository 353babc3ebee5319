/**
 * Bundles every process for its image: {operator,gateway,store,server,worker,decoding-worker,encoding-worker}.mjs, the server's server-*.mjs, and
 * compile-ahead.mjs, which its image is built with. Usage: node cluster/bundle.ts [FOLDER], build/dist unless it says otherwise.
 */
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const outdir = process.argv[2] ?? 'build/dist';

const entryPoints = {
  operator: 'operator/main.ts',
  gateway: 'operator/gateway/main.ts',
  store: 'runtime/store/main.ts',
  'compile-ahead': 'runtime/server/compile-ahead.ts',
};

/**
 * Who imports `node:http` as an ES module has every name of it looked up, and with these Node loads its own fetch and
 * WebSocket, which nobody here uses: 40 ms of a start and 13 MB (Node 24). As an object it is loaded alone.
 */
const httpAlone: Plugin = {
  name: 'http-alone',
  setup: (bundle) => {
    const namespace = 'builtin';
    bundle.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace } : undefined,
    );
    bundle.onLoad({ filter: /./, namespace }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
  },
};

/** Winston and prom-client could send what they have by HTTPS, and load all of TLS for it: 2.6 MB. It is loaded when it is used. */
const httpsWhenUsed: Plugin = {
  name: 'https-when-used',
  setup: (bundle) => {
    const namespace = 'when-used';
    // Of what is imported by name the names are copied when it is loaded.
    bundle.onResolve({ filter: /^(node:)?https$/ }, ({ kind }) =>
      kind === 'require-call' ? { path: 'node:https', namespace } : undefined,
    );
    bundle.onLoad({ filter: /./, namespace }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => process.getBuiltinModule('${path}')[name] });`,
    }));
  },
};

/** Express loads parsers of bodies, and with them every character set there is, for whoever asks for them; here nobody does. */
const withoutBodyParser: Plugin = {
  name: 'without-body-parser',
  setup: (bundle) => {
    const namespace = 'absent';
    bundle.onResolve({ filter: /^body-parser$/ }, ({ path }) => ({ path, namespace }));
    bundle.onLoad({ filter: /./, namespace }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Winston brings Node's streams of years ago, of which a start would compile and run every file; the process has Node's own anyway.
 */
const nodesOwnStreams: Plugin = {
  name: 'nodes-own-streams',
  setup: (bundle) => {
    const namespace = 'own-streams';
    bundle.onResolve({ filter: /^readable-stream(\/lib\/_stream_writable\.js)?$/ }, ({ path }) => ({
      path,
      namespace,
    }));
    bundle.onLoad({ filter: /./, namespace }, ({ path }) => {
      const streams = "process.getBuiltinModule('node:stream')";
      return { contents: `module.exports = ${streams}${path.includes('writable') ? '.Writable' : ''};` };
    });
  },
};

/** The JavaScript of ONNX Runtime is two dozen small files, read one by one otherwise; its native half stays where npm put it. */
const onnxRuntimeWithin: Plugin = {
  name: 'onnxruntime-within',
  setup: (bundle) => {
    bundle.onLoad({ filter: /[\\/]onnxruntime-node[\\/]dist[\\/]binding\.js$/ }, async ({ path }) => {
      const [text, native] = [await readFile(path, 'utf8'), 'require(`../bin/'];
      if (!text.includes(native)) throw new Error(`${path} looks for its native half in another way`);
      const notice = '/*! ONNX Runtime. Copyright (c) Microsoft Corporation. MIT License. */\n';
      return { contents: notice + text.replace(native, 'require(`onnxruntime-node/bin/') };
    });
  },
};

const shared: BuildOptions = {
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['sharp'],
  // Else winston brings the colours that it traces itself with.
  define: { 'process.env.NODE_ENV': '"production"' },
  // Bundled CommonJS packages ask for Node's own modules through `require`, which ES modules do not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
  plugins: [httpAlone, httpsWhenUsed, withoutBodyParser, nodesOwnStreams, onnxRuntimeWithin],
  // Names stay, for traces of the stack.
  minifySyntax: true,
  minifyWhitespace: true,
};

await rm(outdir, { recursive: true, force: true });
await build({ ...shared, entryPoints });

// What is loaded only when it is needed stays a file of its own: the store's SDK and gRPC are most of the code, and code
// that is never run still costs memory and time when it is in the same file.
await build({
  ...shared,
  entryPoints: {
    server: 'runtime/server/start.ts',
    worker: 'runtime/server/worker.ts',
    'decoding-worker': 'runtime/server/decoding/worker.ts',
    'encoding-worker': 'runtime/server/decoding/encoding-worker.ts',
  },
  splitting: true,
  chunkNames: 'server-[name]-[hash]',
});

// Read at run time by the library that speaks it.
await copyFile('runtime/server/grpc/open-inference.proto', join(outdir, 'open-inference.proto'));
