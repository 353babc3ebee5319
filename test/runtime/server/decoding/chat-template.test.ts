import { describe, expect, test } from '@jest/globals';
import { chatTemplateOf } from '../../../../runtime/server/decoding/chat-template.ts';

const messages = [{ role: 'user', content: 'hi' }];
const source = '{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{{ eos_token }}';

describe('a chat template', () => {
  test.each([
    ['text', { chat_template: source, bos_token: '<s>', eos_token: { content: '</s>' } }],
    [
      'one of several, the default',
      {
        chat_template: [
          { name: 'tool_use', template: 'x' },
          { name: 'default', template: source },
        ],
        ...{ bos_token: '<s>', eos_token: '</s>' },
      },
    ],
  ])('as %s', (_what, config) => {
    expect(chatTemplateOf(config, undefined)?.render(messages)).toBe('<s>[user] hi</s>');
  });

  test('of a file of its own comes before the one in the configuration', () => {
    expect(chatTemplateOf({ chat_template: source }, '{{ messages | length }}')?.render(messages)).toBe('1');
  });

  test('that a model has not is none', () => expect(chatTemplateOf({}, undefined)).toBeUndefined());

  test('that refuses makes the caller’s mistake of it', () => {
    const template = chatTemplateOf({ chat_template: "{{ raise_exception('roles must alternate') }}" }, undefined);
    expect(() => template?.render(messages)).toThrow('refuses these messages: roles must alternate');
  });
});
