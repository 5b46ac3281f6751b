import { describe, expect, it } from 'vitest';
import { formatNamed, parseKeyId } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import { clientOf } from '../simulator/client.js';
import { canonical } from '../simulator/documents.js';
import { listedAs, newKey } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';
import { by, count, fileOf, rootWith } from './support/roots.js';

const format = formatNamed('tuf-1');
const [a, b] = [newKey(), newKey('ecdsa')];
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

describe('K6, K7: ids are labels inside one file', () => {
  it('a key under a wrong id counts there, and is reported', async () => {
    const root = rootWith([a]);
    const wrong = { ...b, id: 'a label' };
    root.keys[wrong.id] = wrong.json;
    root.roles['root']?.keyids.push(wrong.id);
    expect(await count(root, [by(root)(wrong)])).toEqual(['a label']);
    const file = format.parseRoot(fileOf(root, []));
    expect(format.mislabelledKeys(file, nodeCrypto)).toEqual(['a label']);
  });

  it('the hash covers members nobody knows', () => {
    const more = listedAs(a, { 'x-tuf-on-ci-keyowner': '@me', keyid_hash_algorithms: ['sha256', 'sha512'] });
    const file = format.parseRoot(fileOf(rootWith([a, more]), []));
    expect(more.id).not.toBe(a.id);
    expect(format.mislabelledKeys(file, nodeCrypto)).toEqual([]);
  });

  it('two delegators may use one id for different keys', async () => {
    const sim = new RepositorySimulator();
    const [one, two] = ['one', 'two'].map((name) => {
      const key = { ...newKey(), id: 'k' };
      sim.delegate('targets', name, { paths: [`${name}/*`] });
      sim.delegate(name, `of-${name}`, { paths: [`${name}/*`] }, key);
      sim.addTarget(`${name}/file`, name, `of-${name}`);
      return key;
    });
    sim.publish(...sim.roles.keys());
    const client = clientOf(sim);
    expect(await client.find('one/file')).toMatchObject({ role: 'of-one' });
    expect(await client.find('two/file')).toMatchObject({ role: 'of-two' });
    sim.signers.set('of-one', [two!]);
    sim.signers.set('of-two', [one!]);
    sim.publish('of-one', 'of-two');
    for (const path of ['one/file', 'two/file'])
      await expect(clientOf(sim).find(path)).rejects.toMatchObject({ code: 'threshold' });
  });
});

describe('K8: a key this build cannot use', () => {
  const odd = listedAs(a, {
    keytype: 'sphincs',
    scheme: 'sphincs-shake-128s',
    keyval: { public: 'ab', identity: 'x' },
  });
  it.each([
    ['of a type nobody knows', odd],
    ['of a type nobody knows, whose public half would do', listedAs(a, { keytype: 'quantum' })],
    ['without a public half', listedAs(a, { keyval: { identity: 'me@example.com', issuer: 'https://example.com' } })],
  ])('%s is kept and never verifies; the others do', async (_what, unusable) => {
    const root = rootWith([unusable, b]);
    const sign = by(root);
    expect(await count(root, [sign(unusable, a.sign(canonical(root))), sign(b)])).toEqual([b.id]);
    const { keys } = format.parseRoot(fileOf(root, [])).signed;
    expect(keys.get(parseKeyId(unusable.id))).toMatchObject({ scheme: undefined });
  });

  it.each(['keytype', 'scheme', 'keyval'])('but one without %s refuses the file', (member) => {
    const root = rootWith([listedAs(a, { [member]: undefined })]);
    expect(() => format.parseRoot(fileOf(root, []))).toThrow(code('malformed'));
  });
});
