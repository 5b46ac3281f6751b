import { afterAll, beforeAll, describe, it } from 'vitest';
import type { ErrorCode } from '@countersign/client/tuf';
import { canonical } from '../simulator/documents.js';
import { Publisher } from '../support/publisher.js';
import { expectRefused } from '../support/refused.js';
import { World } from '../support/world.js';

describe('metadata that is not what it must be', () => {
  let world: World;
  let publisher: Publisher;

  beforeAll(async () => {
    world = await World.start();
    publisher = await Publisher.begin(world, 'malformed');
  });
  afterAll(async () => {
    await world.stop();
  });

  /** The next targets as text, with `member` as one more of its signed members; the signature is over what it says. */
  const withMember = (member: string): Uint8Array => {
    const [key] = publisher.signers.get('targets') ?? [];
    const text = canonical(publisher.next()).replace(/\}$/u, `,${member}}`);
    return Buffer.from(
      `{"signatures":[{"keyid":"${key?.id ?? ''}","sig":"${key?.sign(text) ?? ''}"}],"signed":${text}}`,
    );
  };
  const honest = (): Uint8Array => publisher.sign('targets', publisher.next());
  const text = (): string => Buffer.from(honest()).toString();

  const cases: readonly (readonly [string, () => Uint8Array, ErrorCode])[] = [
    ['JSON too deep', () => withMember(`"z":${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'too-many'],
    ['JSON a little too deep', () => withMember(`"z":${'['.repeat(40)}${']'.repeat(40)}`), 'too-many'],
    ['a duplicate member', () => withMember('"version":2'), 'malformed'],
    ['a duplicate member, escaped', () => withMember('"\\u0076ersion":9'), 'malformed'],
    ['a duplicate target', () => withMember('"z":{"a":1,"a":2}'), 'malformed'],
    ['a float', () => withMember('"z":1.5'), 'malformed'],
    ['a number in exponent form', () => withMember('"z":1e3'), 'malformed'],
    ['an integer that JavaScript rounds', () => withMember('"z":[{"deep":-9007199254740993}]'), 'malformed'],
    ['a lone surrogate', () => withMember('"z":"\\ud800"'), 'malformed'],
    ['an unescaped control character', () => withMember('"z":"\u0001"'), 'malformed'],
    [
      'not UTF-8',
      () => Buffer.from(withMember('"z":"X"').toString().replace('"X"', '"\u00ff"'), 'latin1'),
      'malformed',
    ],
    [
      'overlong UTF-8',
      () => Buffer.concat([honest().slice(0, -1), Buffer.from([0xc0, 0x80]), Buffer.from('}')]),
      'malformed',
    ],
    ['a byte order mark', () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), honest()]), 'malformed'],
    ['UTF-16', () => Buffer.from(text(), 'utf16le'), 'malformed'],
    ['trailing bytes', () => Buffer.concat([honest(), Buffer.from('{}')]), 'malformed'],
    ['a trailing NUL', () => Buffer.concat([honest(), Buffer.from([0])]), 'malformed'],
    ['cut short', () => honest().slice(0, -1), 'malformed'],
    ['empty', () => new Uint8Array(), 'malformed'],
    ['only white space', () => Buffer.from('  \n'), 'malformed'],
    ['a list', () => Buffer.from(`[${text()}]`), 'malformed'],
    ['null', () => Buffer.from('null'), 'malformed'],
    ['no signatures', () => Buffer.from(`{"signed":${canonical(publisher.next())}}`), 'malformed'],
    ['an empty list of signatures', () => publisher.sign('targets', publisher.next(), []), 'malformed'],
    [
      'another spec_version',
      () => publisher.sign('targets', { ...publisher.next(), spec_version: '2.0.0' }),
      'malformed',
    ],
    ['no expires', () => publisher.sign('targets', { ...publisher.next(), expires: undefined }), 'malformed'],
    ['no targets', () => publisher.sign('targets', { ...publisher.next(), targets: undefined }), 'malformed'],
    ['targets that are a list', () => publisher.sign('targets', { ...publisher.next(), targets: [] }), 'malformed'],
    [
      'a target without hashes',
      () => publisher.sign('targets', { ...publisher.next(), targets: { a: { length: 1, hashes: {} } } }),
      'malformed',
    ],
    [
      'a target of unsafe length',
      () =>
        Buffer.from(
          text().replace('"targets":{}', '"targets":{"a":{"hashes":{"sha256":"00"},"length":9007199254740993}}'),
        ),
      'malformed',
    ],
    [
      'a version that is unsafe',
      () => Buffer.from(text().replace('"version":2', '"version":9007199254740993')),
      'malformed',
    ],
  ];

  it.each(cases)('%s', async (_, make, code) => {
    await expectRefused(publisher, { targets: make() }, code, { role: 'targets' });
  });
});
