import { describe, expect, test } from '@jest/globals';
import { addressesOf, Routes, type Route, type RoutedSlice } from '../../../operator/gateway/routes.ts';
import { service, slice } from './support.ts';

function heard(): { routes: Routes; told: [string, Route | undefined][]; last: () => Route | undefined } {
  const told: [string, Route | undefined][] = [];
  const routes = new Routes((key, route) => told.push([key, route]));
  return { routes, told, last: () => told.at(-1)?.[1] };
}

const first = (ports: readonly number[], name?: string): RoutedSlice => {
  const [made] = slice(ports, name);
  if (made === undefined) throw new Error('no slice');
  return made;
};

describe('routes', () => {
  test('slices before their service, and after it', () => {
    const { routes, told, last } = heard();
    routes.putSlice(first([1]));
    expect(told).toEqual([]);
    routes.putService(service());
    expect(last()?.addresses).toEqual([{ id: 'http://127.0.0.1:1#pod-1', origin: 'http://127.0.0.1:1' }]);
    routes.putSlice(first([2], 'other'));
    expect(last()?.addresses.length).toBe(2);
    routes.removeSlice(first([1]));
    expect(last()?.addresses.map(({ id }) => id)).toEqual(['http://127.0.0.1:2#pod-2']);
  });

  test('a pod in two slices is one replica', () => {
    const { routes, last } = heard();
    routes.putService(service());
    routes.putSlice(first([1]));
    routes.putSlice(first([1], 'other'));
    expect(last()?.addresses.length).toBe(1);
  });

  test('another UID is another service: the old one ends first', () => {
    const { routes, told } = heard();
    routes.putService(service({}, true, 'u1'));
    routes.putService(service({}, true, 'u2'));
    expect(told.map(([, route]) => route?.uid)).toEqual(['u1', undefined, 'u2']);
  });

  test('a slice of some other Service is nobody’s replica, whatever its label says', () => {
    const { routes, last } = heard();
    routes.putService(service());
    const made = first([1]);
    const labels = { ...made.metadata.labels, 'kubernetes.io/service-name': 'database' };
    routes.putSlice({ ...made, metadata: { ...made.metadata, labels } });
    expect(last()?.addresses).toEqual([]);
  });

  test('limits come from the spec, and from the defaults of the CRD where it says nothing', () => {
    const { routes, last } = heard();
    routes.putService(service({ queueLimit: 5 }));
    expect(last()?.limits).toEqual({ queueLimit: 5, maxColdStartSeconds: 120, maxInFlightPerReplica: 100 });
  });

  test('a service is not ready until its condition says so, and says why', () => {
    const { routes, last } = heard();
    const { apiVersion, kind, metadata, spec } = service();
    routes.putService({ apiVersion, kind, metadata, spec });
    expect(last()?.notReady).toContain('not looked at');
    routes.putService(service({}, false));
    expect(last()?.notReady).toBe('the artefact has another digest');
    routes.putService(service());
    expect(last()?.notReady).toBeUndefined();
  });
});

test.each<[string, Partial<RoutedSlice>, string[]]>([
  ['ready', { endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }] }, ['http://10.0.0.1:8080']],
  ['not ready', { endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false } }] }, []],
  ['ready when nothing is said', { endpoints: [{ addresses: ['10.0.0.1'] }] }, ['http://10.0.0.1:8080']],
  ['IPv6', { endpoints: [{ addresses: ['fd00::1'] }] }, ['http://[fd00::1]:8080']],
  ['no endpoints', {}, []],
  ['no port', { endpoints: [{ addresses: ['10.0.0.1'] }], ports: [] }, []],
  ['no address', { endpoints: [{ addresses: [] }] }, []],
])('addresses of a slice: %s', (_, given, origins) => {
  const made: RoutedSlice = {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's' } },
    ports: [
      { name: 'metrics', port: 1 },
      { name: 'http', port: 8080 },
    ],
    ...given,
  };
  expect(addressesOf(made).map(({ origin }) => origin)).toEqual(origins);
});
