/**
 * The model server that one writes in an afternoon: node:http, JSON.parse, onnxruntime-node in the same thread, no
 * checks, no batches. Serves the model file in argv with the given number of threads; prints its port.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [, , path = '', threads = '1'] = process.argv;
const session = await InferenceSession.create(path, { intraOpNumThreads: Number(threads), interOpNumThreads: 1 });
const [outputName = ''] = session.outputNames;

interface Body {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: number[] }[];
}

async function infer(text: string): Promise<string> {
  const { inputs } = JSON.parse(text) as Body;
  const feeds = inputs.map(({ name, shape, data }) => [name, new Tensor('float32', Float32Array.from(data), shape)]);
  const { [outputName]: output } = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  const data = Array.from((output?.data ?? []) as Float32Array);
  const outputs = [{ name: outputName, datatype: 'FP32', shape: output?.dims, data }];
  return JSON.stringify({ model_name: 'model', model_version: '1', outputs });
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void infer(Buffer.concat(chunks).toString()).then((text) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
