/** Before the end-to-end tests: every namespace of theirs with nothing in it, and the chart installed once for all of them. */
import { install, restrictedNamespace } from '../../demo/install.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { configHere, namespaces, settings } from './world.ts';

const config = configHere();
const system = new Kubectl(config.system);
const names = Object.values(namespaces);
// Nothing can be made in one that an earlier run has begun to remove before it is gone.
await system.run(['delete', 'namespace', '--ignore-not-found', '--timeout=120s', ...names]);
for (const name of names) await system.applyObject(restrictedNamespace(name));
await install(system, config, settings);
