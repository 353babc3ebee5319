/** docs/serving.md, run as it stands: bash and Python blocks in order, each must end well. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { conformanceModels } from '../conformance/models.ts';
import { echoArtefact } from '../support/echo-artefact.ts';
import { embeddingArtefact } from '../support/embedding-model.ts';
import { folderWith } from '../support/model-server.ts';
import { houseTable, manifested, meanOfColumns, meanOfRows, smallPicture } from '../support/sample-models.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

const run = promisify(execFile);

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

const page = await readFile('docs/serving.md', 'utf8');
const blocks: readonly Block[] = [...page.matchAll(/^```(bash|python)\n(.*?)^```$/gms)].map((match) => ({
  language: match[1]!,
  text: match[2]!,
  line: page.slice(0, match.index).split('\n').length,
}));

let server: ServerProcess;
let python: string;
let env: Record<string, string>;

beforeAll(async () => {
  python = (await run('bash', ['test/clients/venv'])).stdout.trim();
  const folder = await folderWith({
    ...{ ...conformanceModels(), ...echoArtefact() },
    ...embeddingArtefact('vectors', { pooling: 'mean', normalise: true }),
    ...manifested('pictures', meanOfRows, { labels: ['upper', 'lower'], preprocessing: smallPicture }),
    ...manifested('houses', meanOfColumns, { preprocessing: houseTable }),
  });
  server = await startServerProcess({ LIMBECK_MODELS_DIR: folder, LIMBECK_GRPC_PORT: '0' });
  const PATH = process.env['PATH'] ?? '';
  const PICTURES = 'test/golden/pictures';
  env = { PATH, PICTURES, MODELS: folder, TMP: await folderWith({}), URL: server.url, GRPC: server.grpcAddress };
}, startLimitMs);

afterAll(() => server.stop());

test('there is an example of each protocol', () => {
  const texts = blocks.map(({ text }) => text).join('\n');
  for (const word of [
    '/v2/models/mlp/infer',
    'Header-Content-Length: 0',
    ':predict',
    '/predict" -F image=@',
    "/predict\" -H 'Content-Type: text/csv'",
    '/explain',
    'tritonclient.grpc',
    '/load',
    '/v1/chat/completions',
    '/v1/embeddings',
  ]) {
    expect(texts).toContain(word);
  }
});

test.each(blocks.map((block) => [`line ${block.line}, ${block.language}`, block] as const))(
  '%s',
  async (_name, { language, text }) => {
    const [program, flags] = language === 'bash' ? ['bash', ['-euo', 'pipefail', '-c']] : [python, ['-c']];
    await run(program, [...flags, text], { env });
  },
);
