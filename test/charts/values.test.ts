/** Values that Kubernetes would refuse, or read otherwise than they are meant, when half of the release is there: Helm does before. */
import { describe, expect, test } from '@jest/globals';
import { renderValues } from './helm.ts';

/** Undefined where Helm takes them, otherwise what it says. */
const refusal = (values: object): Promise<string | undefined> =>
  renderValues({ crds: { enabled: false }, ...values }).then(
    () => undefined,
    (error: unknown) => String(error),
  );

const endpoint = (url: string): object => ({
  store: { external: { endpoint: url, accessKeyId: 'a', secretAccessKey: 'b' } },
});
const labelled = (value: string): object => ({ operator: { podLabels: { team: value } } });
const noted = (name: string): object => ({ operator: { podAnnotations: { [name]: 'x' } } });
const peer = (...peers: readonly object[]): object => ({ networkPolicy: { enabled: true, metricsFrom: peers } });
const prometheus = { matchLabels: { app: 'prometheus' } };
const expression = { key: 'app', operator: 'In', values: ['prometheus'] };

const rows: readonly (readonly [string, taken: readonly object[], refused: readonly object[]])[] = [
  [
    'the port of a store',
    ['', ':1', ':9000', ':65535', ':59999/a:70000', '/', '/tenant?a=b'].map((rest) => endpoint(`http://minio${rest}`)),
    [':0', ':65536', ':99999', ':080', ':700000/', ':http'].map((rest) => endpoint(`http://minio${rest}`)),
  ],
  [
    'the address of a store',
    ['', 'https://[fd00::1]:9000', 'https://10.0.0.1', 'http://u:p@minio:9000'].map((url) =>
      url === '' ? { store: { external: { endpoint: url } } } : endpoint(url),
    ),
    ['http://[fd00::1]:99999', 'http://fd00::1', 'http://:9000', 'http://u:p@minio:99999'].map(endpoint),
  ],
  [
    'the value of a label of pods',
    ['', 'a', 'Team_1.b-c', '7', 'x'.repeat(63)].map(labelled),
    ['b/c', '-a', 'a.', 'a b', 'ä', 'x'.repeat(64)].map(labelled),
  ],
  [
    'the name of an annotation of the pods of operators, of which one is ours',
    ['example.com/config', 'limbeck.dev/configured'].map(noted),
    [noted('limbeck.dev/config')],
  ],
  [
    'who may read metrics',
    [
      peer(),
      peer({ podSelector: prometheus }, { namespaceSelector: {} }),
      peer({ namespaceSelector: prometheus, podSelector: { matchExpressions: [expression] } }),
      peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }),
    ],
    [
      peer({}),
      peer({ podselector: prometheus }),
      peer({ podSelector: prometheus }, { ipblock: { cidr: '10.0.0.0/8' } }),
      peer({ podSelector: { matchlabels: prometheus.matchLabels } }),
      peer({ namespaceSelector: { app: 'prometheus' } }),
      peer({ podSelector: { matchExpressions: [{ ...expression, value: 'prometheus' }] } }),
      peer({ podSelector: { matchLabels: { app: 'a/b' } } }),
      peer({ ipBlock: { CIDR: '10.0.0.0/8' } }),
      peer({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: prometheus }),
    ],
  ],
];

describe('Helm looks at', () => {
  test.each(rows)('%s', async (_, taken, refused) => {
    expect(await Promise.all(taken.map(refusal))).toEqual(taken.map(() => undefined));
    const sentences = await Promise.all(refused.map(refusal));
    const wanted = "values don't meet the specifications";
    expect(refused.filter((_values, at) => sentences[at]?.includes(wanted) !== true)).toEqual([]);
  });
});
