/** One way to register a path on express: the method it takes, and 405 with Allow for every other. */
import type { Express, Request, Response } from 'express';
import { Refusal } from '../protocol/errors.ts';

type Handler = (request: Request, response: Response) => void | Promise<void>;

/** Registers a handler for one method of some paths; every other method is 405. */
export function route(app: Express, [method, ...paths]: ['get' | 'post', ...string[]], handler: Handler): void {
  for (const path of paths) {
    app[method](path, handler);
    app.all(path, ({ method: used }) => {
      const allow = method === 'get' ? 'GET, HEAD' : 'POST';
      throw new Refusal({ kind: 'methodNotAllowed', allow }, `${used} is not allowed here, ${allow} is`);
    });
  }
}

/** A part of the path by its name; empty when the path has none. */
export function partOf({ params }: Request, name: string): string {
  return optionalPartOf(params, name) ?? '';
}

/** A part that a path may lack. */
export function optionalPartOf(params: Request['params'], name: string): string | undefined {
  const value = params[name];
  return typeof value === 'string' ? value : undefined;
}

/** A path below a model, and the same below one of its versions. */
export const modelPaths = (suffix: string): [string, string] => [
  `/v2/models/:model${suffix}`,
  `/v2/models/:model/versions/:version${suffix}`,
];
