/** Would the API server take this status? By the schema of the CRD, with unknown members refused, as server-side apply does. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { CustomResourceDefinition, Schema } from '../../crds/schema.ts';

const closed = (schema: Schema): object => ({
  ...schema,
  ...(schema.items === undefined ? {} : { items: closed(schema.items) }),
  ...(schema.properties === undefined
    ? {}
    : {
        additionalProperties: false,
        properties: Object.fromEntries(
          Object.entries(schema.properties).map(([name, member]) => [name, closed(member)]),
        ),
      }),
});

/** What is wrong with a status of this kind; nothing, as it should be. */
export function statusFaults(plural: string): (status: unknown) => readonly string[] {
  const crd = parse(readFileSync(`crds/${plural}.yaml`, 'utf8')) as CustomResourceDefinition;
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.['status'];
  if (schema === undefined) throw new Error(`${plural} have no status`);
  const check = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(closed(schema));
  return (status) =>
    check(JSON.parse(JSON.stringify(status)))
      ? []
      : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}
