/** What each call of the service answers; the engine, the documents and the errors are those of REST. */
import type { Caller } from '../batcher.ts';
import { configOf, extensions, metadataOf, statisticsOf, type ServerFacts } from '../descriptions.ts';
import { noRoom, tooMany, type BodyBudget } from '../body.ts';
import { recalled, type Face } from '../face.ts';
import type { Model } from '../model.ts';
import { stringsFootprint } from '../protocol/message.ts';
import { checkLoad, checkUnload, type RepositoryParameters } from '../protocol/repository-parameters.ts';
import { healthMethods } from './health.ts';
import type { InferRequestMessage, ModelMessage, RepositoryModelMessage } from './messages.ts';
import { decodeMessage, encodeMessage } from './tensors.ts';

/** One call: message in, message out. Throws a Refusal for what is the caller's mistake. */
export type Method = (request: never, caller: Caller) => object | Promise<object>;

const versionOf = (version: string): string | undefined => (version === '' ? undefined : version);

/** The model's name in either dialect of the repository's messages. */
const repositoryModelOf = ({ repository_name, model_name }: RepositoryModelMessage): string =>
  model_name === '' ? repository_name : model_name;

/** Of an unload or a load, in the words of JSON. */
const parametersOf = ({ parameters = {} }: RepositoryModelMessage): RepositoryParameters =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, { bool_param, int64_param, string_param, bytes_param }]) => [
      name,
      bool_param ?? int64_param ?? string_param ?? bytes_param,
    ]),
  );

/** Counts bytes while something is done. */
async function during<T>(bodies: BodyBudget, bytes: number, done: () => Promise<T>): Promise<T> {
  if (bytes === 0) return done();
  if (bytes > bodies.mostOf(bytes)) throw tooMany(bodies.mostOf(bytes));
  if (!bodies.take(bytes, bytes)) throw noRoom();
  try {
    return await done();
  } finally {
    bodies.give(bytes);
  }
}

function modelMethods(face: Face) {
  const { engine, draining } = face;
  const found = ({ name, version }: ModelMessage): Model => engine.find(name, versionOf(version));
  return {
    // A question with a yes or a no: a model that is not there is not ready, and no error.
    ModelReady: ({ name, version }: ModelMessage) => {
      const model = engine.known(name, versionOf(version));
      return { ready: !draining() && model !== undefined && model.notReady === undefined };
    },
    ModelMetadata: (request: ModelMessage) => {
      const model = found(request);
      return metadataOf(
        model,
        engine.versionsOf(model.name).map(({ version }) => version),
      );
    },
    ModelConfig: (request: ModelMessage) => ({ config: configOf(found(request)) }),
    ModelStatistics: (request: ModelMessage) => {
      if (request.name === '') return { model_stats: engine.models.map(statisticsOf) };
      const { name } = found(request);
      const models = request.version === '' ? engine.versionsOf(name) : [found(request)];
      return { model_stats: models.map(statisticsOf) };
    },
    ModelInfer: async (request: InferRequestMessage, caller: Caller) => {
      await recalled(face, request.model_name, caller);
      const { model, facts } = engine.ready(request.model_name, versionOf(request.model_version));
      const inference = decodeMessage(request, facts);
      // Those of `contents` were counted before they were decoded.
      const bytes = request.raw_input_contents.length > 0 ? stringsFootprint(inference.inputs) : 0;
      return during(face.bodies, bytes, async () =>
        encodeMessage(model, inference, await model.infer(inference, caller)),
      );
    },
  };
}

function repositoryMethods({ engine }: Face) {
  return {
    RepositoryIndex: async ({ ready }: { readonly ready: boolean }) => ({
      models: (await engine.index()).filter(({ state }) => !ready || state === 'READY'),
    }),
    RepositoryModelLoad: async (request: RepositoryModelMessage) => {
      const name = repositoryModelOf(request);
      checkLoad(parametersOf(request));
      await engine.load(name);
      return { model_name: name, is_loaded: true };
    },
    RepositoryModelUnload: async (request: RepositoryModelMessage) => {
      const name = repositoryModelOf(request);
      checkUnload(parametersOf(request));
      await engine.unload(name);
      return { model_name: name, is_unloaded: true };
    },
  };
}

/** The calls of all services by name. */
export function methodsOf(face: Face, { name, version }: ServerFacts): Readonly<Record<string, Method>> {
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: !face.draining() && face.engine.notReady === undefined }),
    ServerMetadata: () => ({ name, version, extensions }),
    ...modelMethods(face),
    ...repositoryMethods(face),
    ...healthMethods(face),
  };
}
