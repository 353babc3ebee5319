/** Before the tests with Kueue: a namespace with nothing in it, and the chart installed. */
import { install, restrictedNamespace } from '../../demo/install.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { configHere } from '../e2e/world.ts';
import { released } from './kueue.ts';
import { kubectl, namespace, priority, settings } from './world.ts';

const config = configHere();
await released();
await kubectl.run(['delete', 'namespace', '--ignore-not-found', '--timeout=120s', namespace]);
await kubectl.applyObject(restrictedNamespace(namespace));
await kubectl.applyObject(priority);
await install(new Kubectl(config.system), config, settings);
