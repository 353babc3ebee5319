/** The kubelet's words for what it cannot start, as reasons of the vocabulary. Pure. */
import type { Reason } from '../api/vocabulary.ts';

/** For an image or a container that cannot be had. */
export const waitingReasons: ReadonlyMap<string, Reason> = new Map<string, Reason>([
  ['ErrImagePull', 'ImagePull'],
  ['ImagePullBackOff', 'ImagePull'],
  ['ErrImageNeverPull', 'ImagePull'],
  ['ImageInspectError', 'ImagePull'],
  ['RegistryUnavailable', 'ImagePull'],
  ['InvalidImageName', 'ImagePull'],
  ['CreateContainerConfigError', 'ConfigMissing'],
  ['CreateContainerError', 'CannotStart'],
  ['RunContainerError', 'CannotStart'],
]);

/** The last line that says something, in part where it is long. */
export const lastLine = (text: string): string => (text.trim().split('\n').at(-1) ?? '').slice(0, longestLine);

const longestLine = 512;
