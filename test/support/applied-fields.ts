/** What a server-side apply by one manager makes of an object, for tests: fields that are no longer wished for go. Pure. */
export type Json = Record<string, unknown>;

export const json = (value: object): Json => JSON.parse(JSON.stringify(value)) as Json;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Fields of the former wish that the new one leaves out. */
export function removed(actual: Json, former: Json | undefined, wish: Json): Json {
  const result = { ...actual };
  for (const [name, value] of Object.entries(former ?? {})) {
    const [kept, next] = [result[name], wish[name]];
    if (next === undefined && name !== 'metadata' && name !== 'status') Reflect.deleteProperty(result, name);
    else if (isRecord(value) && isRecord(kept)) result[name] = removed(kept, value, isRecord(next) ? next : {});
  }
  return result;
}

export function merge(actual: Json, wish: Json): Json {
  const result = { ...actual };
  for (const [name, value] of Object.entries(wish)) {
    const kept = result[name];
    result[name] = isRecord(value) && isRecord(kept) ? merge(kept, value) : value;
  }
  return result;
}
