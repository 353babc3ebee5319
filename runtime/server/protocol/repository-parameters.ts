/** Parameters of the model repository extension. What is not offered is refused rather than passed over: its caller counts on it. */
import { invalid } from './errors.ts';
import { isRecord } from './json.ts';

/** By name; over gRPC each in the words of JSON. */
export type RepositoryParameters = Readonly<Record<string, unknown>>;

function refuse(name: string, verb: string): never {
  throw invalid(
    `the parameter '${name.slice(0, 200)}' of ${verb} is not offered: a model is served as it lies in the repository`,
  );
}

/** Refuses every parameter of a load: neither a configuration nor files may be brought along. */
export function checkLoad(parameters: RepositoryParameters): void {
  for (const name of Object.keys(parameters)) refuse(name, 'load');
}

/** Of an unload it is asked whether models that need this one go, too. There are none: either way it is done as asked. */
export function checkUnload(parameters: RepositoryParameters): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (name !== 'unload_dependents') refuse(name, 'unload');
    if (typeof value !== 'boolean') throw invalid("the parameter 'unload_dependents' is not true or false");
  }
}

/** The parameters in a body, which may be empty. */
export function repositoryParametersOf(body: unknown): RepositoryParameters {
  if (body === undefined) return {};
  if (!isRecord(body)) throw invalid('the body is not an object');
  const { parameters = null } = body;
  if (parameters === null) return {};
  if (isRecord(parameters)) return parameters;
  throw invalid("'parameters' is not an object");
}
