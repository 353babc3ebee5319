/** Certificates for servers on loopback and their clients, each by an authority of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** All in PEM. */
export interface Identity {
  /** The certificate of who vouches for it. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const extensions = 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n';

/** An identity for 127.0.0.1, or of a client of this name, which nobody else's authority vouches for. */
export async function newIdentity(name: string): Promise<Identity> {
  const folder = await mkdtemp(join(tmpdir(), 'limbeck-identity-'));
  const openssl = (...options: string[]): Promise<unknown> => run('openssl', options, { cwd: folder });
  try {
    const days = ['-days', '2'];
    await openssl(
      'req',
      '-x509',
      ...newKey,
      ...days,
      '-keyout',
      'ca.key',
      '-out',
      'ca',
      '-subj',
      `/CN=${name}-authority`,
    );
    await openssl('req', ...newKey, '-keyout', 'key', '-out', 'request', '-subj', `/CN=${name}`);
    await writeFile(join(folder, 'extensions'), extensions);
    const signed = ['-CA', 'ca', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions', ...days];
    await openssl('x509', '-req', '-in', 'request', '-out', 'certificate', ...signed);
    const text = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
    return { authority: await text('ca'), certificate: await text('certificate'), key: await text('key') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
