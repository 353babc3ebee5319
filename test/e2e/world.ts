/** What the end-to-end tests and what prepares them agree on. */
import { readConfig, type Config } from '../../demo/config.ts';

/** Where the tests keep their objects, apart from the demo's. */
export const namespaces = {
  story: 'limbeck-e2e-story',
  order: 'limbeck-e2e-order',
  bad: 'limbeck-e2e-bad',
  refused: 'limbeck-e2e-refused',
  faults: 'limbeck-e2e-faults',
  group: 'limbeck-e2e-group',
  processes: 'limbeck-e2e-processes',
  language: 'limbeck-e2e-language',
  examples: 'limbeck-e2e-examples',
} as const;

/** The same for every test file, so that no upgrade changes anything under another one. */
export const settings = [`store.namespaces={default,${Object.values(namespaces).join(',')}}`] as const;

/** The settings of this process; throws what is wrong with them. */
export function configHere(): Config {
  const parsed = readConfig();
  if (!parsed.ok) throw new Error(parsed.mistakes.join('; '));
  return parsed.config;
}
