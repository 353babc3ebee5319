/** Rights of the chart that one run on a test API server cannot use. */

const ownerReferences = 'asked by the admission plugin OwnerReferencesPermissionEnforcement, never by us';
const nameTaken = 'asked where the name is taken by what a lagging cache does not show';
/** Rights that this run does not use, and why they are given all the same. */
const unusedHere: Readonly<Record<string, string>> = {
  'limbeck.dev/trainingjobs/finalizers update': ownerReferences,
  'limbeck.dev/distillationjobs/finalizers update': ownerReferences,
  'limbeck.dev/modelservices/finalizers update': ownerReferences,
  '/configmaps get': nameTaken,
  'batch/jobs get': nameTaken,
  'scheduling.x-k8s.io/podgroups get': nameTaken,
  'scheduling.volcano.sh/podgroups get': nameTaken,
};

/** `list` opens no cache where the API server streams lists, but does where it does not. */
export function reasonUnused(right: string, gangGroup: string): string | undefined {
  if (right.endsWith(' list')) return 'lists come as watches from this API server';
  if (right.includes('/podgroups ') && !right.startsWith(gangGroup)) return 'this scheduler is not served here';
  return unusedHere[right];
}
