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

const project = (name, folders, testTimeout) => ({
  ...shared,
  displayName: name,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  ...(testTimeout === undefined ? {} : { testTimeout }),
});

export default {
  projects: [
    project('unit', ['process', 'operator', 'runtime', 'crds', 'cluster', 'demo', 'architecture']),
    project('integration', ['integration', 'charts'], 60_000),
    project('e2e', ['e2e'], 600_000),
  ],
};
