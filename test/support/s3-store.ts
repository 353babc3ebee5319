/** A real S3 store, versitygw, over a folder: for tests of what a store's own answers decide. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { childEnvironment } from './child-environment.ts';
import { freePort } from './free-port.ts';
import { folderWith, until } from './model-server.ts';

/** The one who may do everything. */
export const accessKey = 'limbeck';

export interface S3Store {
  readonly url: string;
  /** Whoever started it kills it. */
  readonly child: ChildProcess;
  /** Where its buckets are folders. */
  readonly folder: string;
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** Objects by bucket and key. */
export async function startS3Store(secret: string, objects: Readonly<Record<string, Buffer>>): Promise<S3Store> {
  const folder = await folderWith(objects);
  const port = await freePort();
  const keys = ['--access', accessKey, '--secret', secret];
  const child = spawn('versitygw', [...keys, '--port', `127.0.0.1:${String(port)}`, '--quiet', 'posix', folder], {
    env: childEnvironment,
    stdio: 'ignore',
  });
  await until(() => listens(port));
  return { url: `http://127.0.0.1:${String(port)}`, child, folder };
}
