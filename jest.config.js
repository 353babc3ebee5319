/** One project per kind of test; `make` picks by --selectProjects. All of it is ESM TypeScript through swc. */
const shared = {
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testEnvironment: './test/support/node-environment.cjs',
};

const project = (name, folders, setup = []) => ({
  ...shared,
  displayName: name,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  // `testTimeout` is an option of the whole run alone; a project's patience is set by a file.
  setupFilesAfterEnv: setup,
});

const patient = ['<rootDir>/test/support/patience.ts'];

export default {
  projects: [
    project(
      'unit',
      ['process', 'operator', 'runtime', 'crds', 'cluster', 'demo', 'bench', 'architecture', 'examples'],
      patient,
    ),
    project('conformance', ['conformance', 'clients', 'docs', 'fuzz', 'soak'], patient),
    project('integration', ['integration', 'charts'], patient),
    project('faults', ['faults'], patient),
    project('e2e', ['e2e'], patient),
    project('kueue', ['kueue'], patient),
  ],
};
