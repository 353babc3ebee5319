/** Nothing of Kueue is left in the cluster, whatever a killed run left there. */
import { Kubectl } from '../../demo/kubectl.ts';
import { forget } from './kueue.ts';

await forget(new Kubectl('default'));
