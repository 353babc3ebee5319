/** What a server starts with: libraries that only some need are no part of it, and cost nobody else time or memory. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';

/** Every import that is more than types, of files as paths and of packages by name. */
function loadedBy(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/^(?:import|export)\s(?!type\s)(?:[^;'"]*\sfrom\s)?['"]([^'"]+)['"]/gm);
  return [...found].map(([, to = '']) => (to.startsWith('.') ? normalize(join(dirname(file), to)) : to));
}

/** Files and packages that are loaded with an entry, without what is imported later on. */
function loadedWith(entry: string): ReadonlySet<string> {
  const seen = new Set<string>([entry]);
  for (const file of seen) if (file.endsWith('.ts')) for (const to of loadedBy(file)) seen.add(to);
  return seen;
}

const first = loadedWith('runtime/server/main.ts');
/** With what follows while the threads of the models start. */
const loaded = new Set([...first, ...loadedWith('runtime/server/http.ts')]);

test('the walk reaches what is loaded', () => {
  for (const found of ['runtime/server/http.ts', 'express', 'prom-client']) expect(loaded).toContain(found);
  expect(loadedWith('runtime/server/tracing/tracing.ts')).toContain('@opentelemetry/sdk-trace');
});

test('models begin to load before express does', () => {
  expect(first).toContain('runtime/server/engine.ts');
  expect(first).not.toContain('express');
});

test.each([
  ['traces', '@opentelemetry/'],
  ['gRPC', '@grpc/'],
  ['the store', '@aws-sdk/'],
])('the server starts without the library of %s', (_what, library) => {
  expect([...loaded].filter((found) => found.startsWith(library))).toEqual([]);
});
