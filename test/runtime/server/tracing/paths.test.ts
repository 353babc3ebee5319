import { expect, test } from '@jest/globals';
import { isProbe, pathOf, patternOf } from '../../../../runtime/server/tracing/paths.ts';

test.each([
  ['/v2/models/secret/infer?key=1', '/v2/models/secret/infer'],
  ['http://host:80/v2/models/m/infer', '/v2/models/m/infer'],
  ['http://host', '/'],
  ['/v1/models?a\nb', '/v1/models'],
])('%j has the path %s', (target, path) => expect(pathOf(target)).toBe(path));

test.each([
  ['/v2/models/m/infer', '/v2/models/{model}/infer'],
  ['/v2/models/m', '/v2/models/{model}'],
  ['/v2/models/m/versions/3/predict', '/v2/models/{model}/versions/{version}/predict'],
  ['/v2/models/m/versions/3', '/v2/models/{model}/versions/{version}'],
  ['/v2/models/stats', '/v2/models/stats'],
  ['/v2/repository/models/m/unload', '/v2/repository/models/{model}/unload'],
  ['/v1/models/m:predict', '/v1/models/{model}:predict'],
  ['/v1/models/m', '/v1/models/{model}'],
  ['/v1/chat/completions', '/v1/chat/completions'],
  ['/v2/models/m/infer/more', undefined],
  ['/v1/models/m/n', undefined],
  ['/wp-login.php', undefined],
])('%s is of the pattern %s', (path, pattern) => expect(patternOf(path)).toBe(pattern));

test.each([
  ['/healthz', true],
  ['/v2/health/ready', true],
  ['/metrics', true],
  ['/v2/models/m/ready', false],
  ['/v2', false],
])('%s is a probe: %p', (path, expected) => expect(isProbe(path)).toBe(expected));
