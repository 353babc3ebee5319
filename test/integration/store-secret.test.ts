/** The store's secret key is in nothing that a real model server says, however its store, a real versitygw, fails it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, expect, test } from '@jest/globals';
import { childEnvironment } from '../support/child-environment.ts';
import { freePort } from '../support/free-port.ts';
import { folderWith, until } from '../support/model-server.ts';
import { mlpModel } from '../support/onnx-model.ts';
import { accessKey, startS3Store, type S3Store } from '../support/s3-store.ts';
import { standStill } from '../support/stand-still.ts';

/** As long as a real one, with the characters that other spellings change. A wrong key begins with it, too. */
const canary = `canary/${randomUUID()}+`;
const spellings = [
  canary,
  encodeURIComponent(canary),
  Buffer.from(canary).toString('base64').slice(0, 40),
  Buffer.from(canary).toString('hex'),
];

const started: ChildProcess[] = [];

afterAll(async () => {
  for (const child of started) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
  }
});

/** A process that is killed in the end, and all that it says. */
function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(command, args, { env: { ...childEnvironment, ...env }, stdio: 'pipe' });
  started.push(child);
  const words: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => words.push(String(part)));
  return { child, said: () => words.join('') };
}

/** A store whose key is the canary, with one model in its bucket `limbeck`. */
async function startStore(): Promise<S3Store> {
  const store = await startS3Store(canary, { 'limbeck/models/x/model.onnx': mlpModel([4, 8, 3]) });
  started.push(store.child);
  return store;
}

/** Everything that a server says to anybody from its start until it has given its model up, or has it. */
async function heardOf(url: string, uri: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const { said } = run(process.execPath, ['runtime/server/main.ts'], {
    ...{ LIMBECK_PORT: '0', LIMBECK_LOG_LEVEL: 'debug', LIMBECK_CACHE_DIR: await folderWith({}) },
    ...{ LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: uri, AWS_ENDPOINT_URL: url, AWS_REGION: 'us-east-1' },
    ...{ AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: canary, ...more },
  });
  await until(() => /"model (?:not loaded|ready)"/.test(said()));
  const server = `http://127.0.0.1:${/"port":(\d+)/.exec(said())?.[1] ?? ''}`;
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] }] });
  const asked = [
    ...['/metrics', '/v2', '/v2/models/m', '/v2/models/m/ready'].map((path) => [path, {}] as const),
    ...['/v2/repository/index', '/v2/models/m/infer'].map((path) => [path, { method: 'POST', body }] as const),
  ];
  const answers = await Promise.all(asked.map(async ([path, init]) => (await fetch(server + path, init)).text()));
  return [said(), ...answers].join('\n');
}

test('the secret key is in no log, answer or metric, whatever becomes of the model', async () => {
  const [store, silent] = [await startStore(), await startStore()];
  await standStill(silent.child.pid!);
  const model = 's3://limbeck/models/x';
  const cases = {
    'model ready': heardOf(store.url, model),
    'signature you provided': heardOf(store.url, model, { AWS_SECRET_ACCESS_KEY: `${canary}wrong` }),
    ArtefactMissing: heardOf(store.url, 's3://nowhere/models/x'),
    ECONNREFUSED: heardOf(`http://127.0.0.1:${String(await freePort())}`, model),
    'Invalid URL': heardOf('not an address', model),
    // Until the store is gone.
    StoreUnavailable: heardOf(silent.url, model),
  };
  for (const [what, text] of Object.entries(cases)) {
    if (what === 'StoreUnavailable') silent.child.kill('SIGKILL');
    const heard = await text;
    const leaks = spellings.filter((spelling) => heard.includes(spelling));
    expect({ what, isSaid: heard.includes(what), leaks }).toEqual({ what, isSaid: true, leaks: [] });
  }
}, 240_000);
