import { expect, test } from '@jest/globals';
import { lastLine, waitingReasons } from '../../../operator/workloads/kubelet-words.ts';

test.each([
  ['', ''],
  ['one', 'one'],
  ['one\ntwo\n\n', 'two'],
])('the last line of %j is %j', (text, line) => {
  expect(lastLine(text)).toBe(line);
});

test('a line without end is cut', () => {
  expect(lastLine(`first\n${'x'.repeat(10_000)}`)).toHaveLength(512);
});

test('what a kubelet lacks has a reason; what takes its time has none', () => {
  const words = ['RegistryUnavailable', 'CreateContainerConfigError', 'PodInitializing', 'constructor'];
  expect(words.map((word) => waitingReasons.get(word))).toEqual(['ImagePull', 'ConfigMissing', undefined, undefined]);
});
