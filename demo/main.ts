/** `node demo/main.ts`: installs the chart and tells the story. Exit code 0: every promise was kept. */
import { mkdir, writeFile } from 'node:fs/promises';
import { brokenPromises } from './checks.ts';
import { readConfig, type Config } from './config.ts';
import { openGateway } from './gateway.ts';
import { install } from './install.ts';
import { Kubectl } from './kubectl.ts';
import { Progress } from './progress.ts';
import { chapters, clean, tell } from './story.ts';
import type { Summary } from './summary.ts';
import { tableOf } from './table.ts';

const now = (): number => performance.now();

async function play(config: Config): Promise<Summary> {
  const startedAt = new Date();
  const progress = new Progress({ write: (text) => process.stdout.write(text), now }, chapters + 1);
  const beat = setInterval(() => progress.beat(), 1000);
  const kubectl = new Kubectl(config.namespace);
  const system = new Kubectl(config.system);
  try {
    progress.chapter('Helm: operator, gateway and store');
    await progress.during(() => 'waiting until the pods of the chart are ready', install(system, config));
    await clean({ kubectl, progress, now });
    progress.say('installed');
    const gateway = await openGateway(config);
    try {
      return await tell({ kubectl, system, progress, now, gatewayUrl: gateway.url }, startedAt);
    } finally {
      gateway.close();
    }
  } finally {
    clearInterval(beat);
  }
}

const farewell = ({ gateway }: Config): string => {
  const own = gateway.kind === 'nodePort' ? 'In your shell first:\n  eval "$(bash cluster/cluster env)"\n' : '';
  const url = gateway.kind === 'nodePort' ? `http://127.0.0.1:${gateway.port}` : 'http://<gateway>';
  return `The cluster is still running. ${own}Three commands to try:
  kubectl get tj,dj,msvc
  curl -s ${url}/namespaces/default/services/digits/v2/models/digits/infer -d @examples/digits/request.json
  kubectl scale msvc/digits --replicas=3 && kubectl get msvc digits --watch`;
};

function verdict(broken: readonly string[], seconds: number): string {
  const first = broken.length === 0 ? 'Every promise was kept' : `${broken.length} promises were broken`;
  return [`${first}; the story took ${Math.round(seconds)} s.`, ...broken.map((sentence) => `  - ${sentence}`)].join(
    '\n',
  );
}

async function main(): Promise<number> {
  const parsed = readConfig();
  if (!parsed.ok) {
    process.stderr.write(`${parsed.mistakes.join('\n')}\n`);
    return 2;
  }
  const summary = await play(parsed.config);
  const broken = brokenPromises(summary);
  await mkdir('build/demo', { recursive: true });
  await writeFile('build/demo/summary.json', `${JSON.stringify({ ...summary, broken }, undefined, 2)}\n`);
  process.stdout.write(`\n${tableOf(summary)}\n\n${verdict(broken, summary.seconds)}\n\n${farewell(parsed.config)}\n`);
  return broken.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
