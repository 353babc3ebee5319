/** The data of examples/training: the claim that they name, and how it gets into the store that they name. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import type { TrainingJob } from '../../operator/api/resources.ts';
import { containerSecurity, podSecurity } from '../../operator/workloads/pod-parts.ts';

interface Pod {
  readonly spec: {
    readonly securityContext: object;
    readonly containers: readonly [{ readonly securityContext: object; readonly image: string }];
    readonly volumes: readonly { readonly persistentVolumeClaim?: { readonly claimName: string } }[];
  };
}

const folder = 'examples/training';
const examples = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => {
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const { data, model } = (parse(text) as TrainingJob).spec;
    const of = 's3' in data.source ? [data.source.s3.uri] : [];
    const pretrained = 'pretrained' in model ? [model.pretrained.s3.uri] : [];
    const claim = 'pvc' in data.source ? data.source.pvc.claimName : undefined;
    return { file, text, uris: [...of, ...pretrained], claim };
  });
const [claim, pod] = parseAllDocuments(readFileSync('examples/data/tables.yaml', 'utf8')).map(
  (document) => document.toJS() as unknown,
) as [{ readonly metadata: { readonly name: string } }, Pod];

test('every claim that an example names is that of examples/data, which is named beside it', () => {
  const claimed = examples.filter(({ claim }) => claim !== undefined);
  expect(claimed.length).toBeGreaterThan(2);
  for (const { file, text, claim: name } of claimed)
    expect({ file, name, told: text.includes('examples/data/tables.yaml') }).toEqual({
      ...{ file, name: claim.metadata.name, told: true },
    });
});

test('the pod that fills it may what the workers may, as the same user', () => {
  const { securityContext, containers, volumes } = pod.spec;
  expect(securityContext).toEqual(podSecurity);
  // It may write where it likes, to try this and that.
  expect({ ...containers[0].securityContext, readOnlyRootFilesystem: true }).toEqual(containerSecurity);
  expect(volumes.map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName)).toContain(claim.metadata.name);
});

test('whatever an example has of the store is sent to that of the installation, and to no other', () => {
  const stored = examples.filter(({ uris }) => uris.length > 0);
  expect(stored.length).toBeGreaterThan(4);
  for (const { file, text, uris } of stored) {
    const sent = [...text.matchAll(/`aws s3 sync \w+ (\S+) --endpoint-url http:\/\/127\.0\.0\.1:7070`/g)];
    expect([file, sent.map(([, uri = '']) => uri)]).toEqual([file, uris.map((uri) => uri.replace(/\/$/, ''))]);
    expect(text).toContain('docs/training.md: "To put data into the store"');
  }
  expect(readFileSync('docs/training.md', 'utf8')).toContain('**To put data into the store**');
});
