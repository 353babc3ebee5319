/** What ONNX Runtime itself does in this process, one row at a time: argv is model, threads, seconds, the row's shape and the provider. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { keepFullPrecision } from '../../runtime/server/providers.ts';

// As our server does, or a GPU would have less to do here.
keepFullPrecision(process.env);

const [, , path = '', threads = '1', seconds = '1', dims = '1', provider = 'cpu'] = process.argv;
const session = await InferenceSession.create(path, {
  ...{ executionProviders: [provider], intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});
const shape = dims.split(',').map(Number);
const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(0.5);
const feeds = { x: new Tensor('float32', data, shape) };
for (const end = performance.now() + 500; performance.now() < end;) await session.run(feeds);
let rows = 0;
const start = performance.now();
for (const end = start + Number(seconds) * 1000; performance.now() < end; rows++) await session.run(feeds);
console.log((rows * 1000) / (performance.now() - start));
