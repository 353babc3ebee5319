/** What pods hold of a node besides its cores and its memory. Pure. */
import type { Pod } from './kubectl.ts';

/** A GPU or a share of one, by whatever name `gpuProfiles` has for it: an extended resource has a domain, and nothing else has. */
export const holdsDevice = ({ spec }: Pod): boolean =>
  spec.containers.some(({ resources }) => Object.keys(resources?.limits ?? {}).some((name) => name.includes('/')));
