import { expect, test } from '@jest/globals';
import {
  checkLoad,
  checkUnload,
  repositoryParametersOf,
} from '../../../../runtime/server/protocol/repository-parameters.ts';

test.each([undefined, {}, { parameters: {} }, { parameters: null }, { other: 1 }])('%j has no parameters', (body) => {
  const parameters = repositoryParametersOf(body);
  expect(parameters).toEqual({});
  checkLoad(parameters);
  checkUnload(parameters);
});

test.each([
  [[], 'the body is not an object'],
  ['config', 'the body is not an object'],
  [{ parameters: [] }, "'parameters' is not an object"],
])('%j is refused', (body, sentence) => {
  expect(() => repositoryParametersOf(body)).toThrow(sentence);
});

test.each(['config', 'file:1/model.onnx', 'unload_dependents'])('a load with %s is refused by its name', (name) => {
  expect(() => checkLoad({ [name]: '{}' })).toThrow(`the parameter '${name}' of load is not offered`);
});

test('an unload may ask for dependents to go, or not', () => {
  checkUnload({ unload_dependents: false });
  checkUnload({ unload_dependents: true });
  for (const wrong of ['true', 1, null, undefined])
    expect(() => checkUnload({ unload_dependents: wrong })).toThrow("'unload_dependents' is not true or false");
  expect(() => checkUnload({ config: '{}' })).toThrow("the parameter 'config' of unload is not offered");
});
