/**
 * Examples of examples/training as they stand, each on real pods: a table on a volume, a folder that is streamed by two
 * workers, a model in two parts, and a program of one's own, whose artefact is then served.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import type { TrainingJob } from '../../operator/api/resources.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { placement, runPython, serving, untilCondition } from './lab.ts';
import { unrestarted } from './unrestarted.ts';
import { namespaces } from './world.ts';

const kubectl = new Kubectl(namespaces.examples);
const { lab, verify } = unrestarted(kubectl);
const text = (file: string): string => readFileSync(`examples/training/${file}`, 'utf8');

/** The claim that the examples name. */
const tables = {
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'tables' } },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } },
};

/** What the two examples here learn from, made as a user makes it: the table on the volume, the folder in the store. */
const makeData = `
import sys
from pathlib import Path
from limbeck_trainer.store import Store
makers = {"__name__": "makers"}
exec(sys.argv[1], makers)
makers["wines"](Path("/data/wine.csv"))
makers["cells"](Path("/tmp/cells"))
for file in Path("/tmp/cells").iterdir():
    Store().put(f"s3://limbeck/examples/cells/{file.name}", file.read_bytes())
`;

/** Writes the files that its arguments hold below /tmp/app, and becomes the program among them. */
const unpack = `
import base64, gzip, json, pathlib, runpy, sys
for name, text in json.loads(gzip.decompress(base64.b64decode("".join(sys.argv[1:])))).items():
    file = pathlib.Path("/tmp/app", name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
sys.path.insert(0, "/tmp/app")
runpy.run_path("/tmp/app/train.py", run_name="__main__")
`;

/** What custom/Containerfile puts into an image of its own, for the trainer's, which has PyTorch: no registry is needed. */
function ownProgram(): readonly string[] {
  const helper = 'runtime/custom/limbeck_custom';
  const modules = readdirSync(helper).filter((name) => name.endsWith('.py'));
  const files = modules.map((name) => [`limbeck_custom/${name}`, readFileSync(`${helper}/${name}`, 'utf8')]);
  const all = JSON.stringify(Object.fromEntries([...files, ['train.py', text('custom/train.py')]]));
  // An argument has at most 4096 letters.
  const packed =
    gzipSync(all)
      .toString('base64')
      .match(/.{1,4000}/g) ?? [];
  return ['python3', '-c', unpack, ...packed];
}

/** The example, with little set aside. */
function example(file: string, model?: object): object {
  const { spec, ...rest } = parse(text(file)) as TrainingJob;
  return { ...rest, spec: { ...spec, placement, ...(model === undefined ? {} : { model }) } };
}

async function succeeded(name: string): Promise<TrainingJobStatus> {
  await untilCondition(kubectl, ['tj', name], ['Succeeded', 'True']);
  return (await kubectl.get<TrainingJob>('tj', name))?.status ?? {};
}

describe('an example on real pods', () => {
  beforeAll(async () => {
    const { trainer } = lab().images;
    const custom = { image: trainer, command: ownProgram() };
    await kubectl.applyObject(example('divided.yaml'));
    await kubectl.applyObject(example('custom.yaml', { custom }));
    await kubectl.applyObject(serving('least-squares', { trainingJob: { name: 'least-squares' } }));
    await kubectl.applyObject(tables);
    await runPython(kubectl, trainer, [makeData, text('make-data.py')], 'tables');
    await Promise.all(['wine.yaml', 'parquet-stream.yaml'].map((file) => kubectl.applyObject(example(file))));
  }, 300_000);

  test('a table on a volume passes its gate', async () => {
    const { metrics, lineage } = await succeeded('wine');
    expect(metrics?.accuracy?.value).toBeGreaterThanOrEqual(0.9);
    expect(lineage?.dataSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a folder is streamed by two workers and passes its gate', async () => {
    const { metrics, distribution } = await succeeded('cells');
    expect(metrics?.accuracy?.value).toBeGreaterThanOrEqual(0.9);
    expect(distribution?.processes).toBe(2);
  });

  test('a model in two parts passes its gate', async () => {
    const { metrics, distribution } = await succeeded('divided');
    expect(metrics?.accuracy?.value).toBeGreaterThanOrEqual(0.9);
    expect(distribution).toMatchObject({ strategy: 'fsdp', processes: 2 });
  });

  test('a program of one’s own passes its gate, and what it publishes is served', async () => {
    const { metrics, attempts } = await succeeded('least-squares');
    expect(metrics?.rmse?.value).toBeLessThanOrEqual(1.2);
    expect(attempts?.map(({ outcome }) => outcome)).toEqual(['Succeeded']);
    await untilCondition(kubectl, ['msvc', 'least-squares'], ['Ready', 'True']);
    const service = `${lab().gateway.url}/namespaces/${namespaces.examples}/services/least-squares`;
    const tensor = { name: 'input', datatype: 'FP32', shape: [2, 10], data: Array.from({ length: 20 }, () => 0.5) };
    const answer = await fetch(`${service}/v2/models/least-squares/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [tensor] }),
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ outputs: [{ name: 'prediction', shape: [2, 10] }] });
  });
});

test('none of it restarts a process of ours', verify);
