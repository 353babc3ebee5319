import { createHash } from 'node:crypto';
import { appendFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { digestOf, folderRepository, folderSources, type Fetched } from '../../../runtime/server/repository.ts';
import { folderWith } from '../../support/model-server.ts';

const { signal } = new AbortController();
const digest = createHash('sha256').update('weights').digest('hex');
const specs = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
};
const manifest = (sha256: string): string =>
  JSON.stringify({ manifestVersion: 'v1', sha256, sizeBytes: 7, opset: 17, task: 'classification', ...specs });

async function fetchOnly(files: Record<string, string>): Promise<Fetched> {
  const [source] = await folderSources(await folderWith(files));
  return source!.fetch(signal);
}

const reasonOf = (fetched: Fetched): string => (fetched.ok ? 'ok' : fetched.failure.reason);

describe('a folder of models', () => {
  test('names and versions', async () => {
    const folder = await folderWith({
      'a/model.onnx': '',
      'b/1/model.onnx': '',
      'b/12/model.onnx': '',
      '.hidden/model.onnx': '',
      'README.md': '',
    });
    const sources = await folderSources(folder);
    expect(sources.map(({ name, version }) => `${name}/${version}`).sort()).toEqual(['a/1', 'b/1', 'b/12']);
    await expect(folderSources(join(folder, 'nowhere'))).rejects.toThrow('ENOENT');
  });

  test('a model with and without a manifest', async () => {
    const bare = await fetchOnly({ 'm/model.onnx': 'weights' });
    expect(bare).toMatchObject({ ok: true, artefact: { sha256: digest } });
    const full = await fetchOnly({ 'm/model.onnx': 'weights', 'm/manifest.json': manifest(digest) });
    expect(full).toMatchObject({ ok: true, artefact: { sha256: digest, manifest: { sha256: digest, ...specs } } });
  });

  test.each([
    [{ 'm/notes.txt': '' }, 'ArtefactMissing'],
    [{ 'm/model.onnx': 'weights', 'm/manifest.json': manifest('b'.repeat(64)) }, 'DigestMismatch'],
    [{ 'm/model.onnx': 'weights', 'm/manifest.json': '{' }, 'ManifestInvalid'],
  ])('%j is not ready', async (files, reason) => {
    expect(reasonOf(await fetchOnly(files as Record<string, string>))).toBe(reason);
  });

  test('one that cannot be read is told of once, and hides no other', async () => {
    const folder = await folderWith({ 'a/model.onnx': '' });
    // Not even root can read what leads to itself.
    await symlink('lost+found', join(folder, 'lost+found'));
    const told: unknown[] = [];
    const repository = folderRepository(folder, { warn: (_message, fields) => void told.push(fields?.['folder']) });
    for (const sources of [await repository.list(), await repository.list()])
      expect(sources.map(({ name }) => name)).toEqual(['a']);
    expect(told).toEqual(['lost+found']);
  });

  test('whatever changes of a model changes its stamp, and nothing else does', async () => {
    const folder = await folderWith({ 'm/model.onnx': '', 'm/model.onnx_data': 'weights' });
    const stamp = async () => (await folderSources(folder))[0]!.stamp;
    const first = await stamp();
    await writeFile(join(folder, 'm/.model.onnx.part'), '');
    expect(await stamp()).toBe(first);
    const stamps = [first];
    for (const change of [
      () => appendFile(join(folder, 'm/model.onnx_data'), 'more'),
      () => writeFile(join(folder, 'm/chat_template.jinja'), ''),
      () => utimes(join(folder, 'm/chat_template.jinja'), 1, 1),
      () => writeFile(join(folder, 'm/generation_config.json'), '{}'),
    ]) {
      await change();
      stamps.push(await stamp());
    }
    expect(new Set(stamps).size).toBe(5);
  });

  test('digests of files', async () => {
    const folder = await folderWith({ file: 'weights' });
    expect(await digestOf(join(folder, 'file'), signal)).toBe(digest);
  });
});
