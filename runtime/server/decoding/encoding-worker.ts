/** Entry of an encoding thread: has the tokenizer once more, and encodes one text after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../isolation/priority.ts';
import { TextCodec } from './text-codec.ts';
import { parsedFiles, type EncodingReply, type EncodingTask, type TokenizerBytes } from './tokenizer-bytes.ts';

giveWay();
const codec = new TextCodec(parsedFiles(workerData as TokenizerBytes));
parentPort?.on('message', ({ id, text, options }: EncodingTask) => {
  parentPort?.postMessage({ id, tokens: codec.encode(text, options) } satisfies EncodingReply);
});
