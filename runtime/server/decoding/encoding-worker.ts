/** Entry of an encoding thread: has the tokenizer once more, and encodes one text after another. */
import { inside } from '../isolation/inside.ts';
import { TextCodec } from './text-codec.ts';
import { parsedFiles, type EncodingReply, type EncodingTask, type TokenizerBytes } from './tokenizer-bytes.ts';

const starter = await inside();
const codec = new TextCodec(parsedFiles(starter.data as TokenizerBytes));

function encoded({ text, options }: EncodingTask): EncodingReply {
  try {
    return { kind: 'encoded', tokens: codec.encode(text, options) };
  } catch (error) {
    return { kind: 'failed', message: String(error) };
  }
}

starter.onCommand((task) => starter.reply(encoded(task as EncodingTask)));
