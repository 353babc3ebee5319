/** How many milliseconds ONNX Runtime takes to create the first session of a process; argv is model and threads. */
import { InferenceSession } from 'onnxruntime-node';

const [, , path = '', threads = '1'] = process.argv;
const began = performance.now();
await InferenceSession.create(path, { intraOpNumThreads: Number(threads), interOpNumThreads: 1 });
console.log(performance.now() - began);
