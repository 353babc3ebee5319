/** The whole demo on a cluster that is there: chart, then story. */
import type { Config } from './config.ts';
import { openGateway } from './gateway.ts';
import { install } from './install.ts';
import { Kubectl } from './kubectl.ts';
import { Progress, type ProgressPorts } from './progress.ts';
import { chapters, clean, tell } from './story.ts';
import type { Summary } from './summary.ts';

export interface Play extends ProgressPorts {
  readonly startedAt: Date;
  /** Further `--set` arguments of helm. */
  readonly settings?: readonly string[];
}

/** Plays it, and gives what was measured. */
export async function play(config: Config, { write, now, startedAt, settings }: Play): Promise<Summary> {
  const progress = new Progress({ write, now }, chapters + 1);
  const beat = setInterval(() => progress.beat(), 1000);
  const kubectl = new Kubectl(config.namespace);
  const system = new Kubectl(config.system);
  try {
    progress.chapter('Helm: operator, gateway and store');
    await progress.during(() => 'waiting until the pods of the chart are ready', install(system, config, settings));
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
