import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { importsOf, violation } from './imports.ts';

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(file));

const source = tracked.filter(
  (file) =>
    /^(process|operator|runtime|crds|cluster|demo|bench)\/.*\.(ts|py|sh)$/.test(file) && !/generated\.ts$/.test(file),
);
const tests = tracked.filter((file) => /^test\/.*\.(ts|py)$/.test(file));
const twinned = /^test\/(process|operator|runtime\/(?:server|store)|crds|demo|cluster|bench)\/.*\.test\.ts$/;

describe('the house', () => {
  test('imports point one way', () => {
    const wrong = source.filter((file) => file.endsWith('.ts')).flatMap((file) => importsOf(file).map(violation));
    expect(wrong.filter((sentence) => sentence !== undefined)).toEqual([]);
  });

  test('operator features never import one another, and the rule would notice', () => {
    expect(violation({ from: 'operator/training/status.ts', to: 'operator/serving/status.ts' })).toContain(
      'operator/serving',
    );
    expect(violation({ from: 'runtime/server/http.ts', to: 'onnxruntime-node' })).toContain('only');
  });

  test('no file is longer than 300 lines', () => {
    const long = [...source, ...tests].filter((file) => readFileSync(file, 'utf8').split('\n').length > 301);
    expect(long).toEqual([]);
  });

  test('every unit test has a source file of the same path', () => {
    const lonely = tests.filter((file) => {
      if (!twinned.test(file)) return false;
      const twin = file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
      return ![`${twin}.ts`, `${twin}.yaml`, `${twin}.sh`, twin].some((path) => existsSync(path));
    });
    expect(lonely).toEqual([]);
  });

  test('no test is skipped or focused', () => {
    const marks = /\b(?:test|it|describe)\.(?:skip|only|todo)\b|pytest\.mark\.(?:skip|xfail)/;
    const marked = tests.filter((file) => !file.includes('architecture') && marks.test(readFileSync(file, 'utf8')));
    expect(marked).toEqual([]);
  });
});
