import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Bundle, writeBundle, type BundledFile, type BundleSource } from '../../packages/client/src/bundle/bundle.js';
import { bundledFiles } from '../../packages/client/src/bundle/make-bundle.js';
import { rootChain } from '../../packages/client/src/reading/root-chain.js';
import { StateFiles } from '../../packages/client/src/bundle/state-files.js';
import { CountersignError } from '../../packages/client/src/tuf/errors.js';
import { parseGun } from '../../packages/client/src/tuf/names.js';
import type { UpdaterOptions } from '../../packages/client/src/reading/updater.js';
import { addBins } from '../simulator/bins.js';
import { clientOf, get } from '../simulator/client.js';
import { sha256 } from '../simulator/keys.js';
import { METADATA, RepositorySimulator, START } from '../simulator/repository.js';

const GUN = parseGun('example.com/app');

let sim: RepositorySimulator;
beforeEach(() => {
  sim = new RepositorySimulator();
  sim.publishRoot();
  sim.delegate('targets', 'team', { paths: ['lib/*'] });
  sim.addTarget('a.txt', 'one');
  sim.addTarget('lib/b.txt', 'two', 'team');
  sim.publish('targets', 'team');
});

async function bytesOf(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

function sourceOf(bytes: Uint8Array): BundleSource {
  return { size: bytes.length, read: (at, length) => Promise.resolve(bytes.slice(at, at + length)) };
}

async function make(): Promise<Buffer> {
  const updater = clientOf(sim);
  const state = await updater.state();
  const files = new StateFiles(state);
  const targets = [];
  for await (const target of files.targets()) targets.push(target);
  const roots = await rootChain({ gun: GUN, urls: { metadata: METADATA }, fetch: sim.fetch, now: START }, state);
  return bytesOf(writeBundle(GUN, bundledFiles(updater, { roots, files, targets })));
}

async function reader(bytes: Uint8Array, options: Partial<UpdaterOptions> = {}): Promise<ReturnType<typeof clientOf>> {
  const { urls, fetch } = await Bundle.open(sourceOf(bytes));
  return clientOf(sim, { urls, fetch, ...options });
}

describe('a bundle', () => {
  it('is the repository for a client that has any of its roots', async () => {
    const bytes = await make();
    for (const name of ['1.root.json', '2.root.json']) {
      const updater = await reader(bytes, { firstTrust: { kind: 'file', raw: sim.file(name) } });
      expect(await get(updater, 'a.txt')).toBe('one');
      expect(await get(updater, 'lib/b.txt')).toBe('two');
    }
  });

  it('holds each file once, in an order of its own, whatever was asked for first', async () => {
    const text = (await make()).toString('latin1');
    const addresses = [...text.matchAll(/\d+ ((?:metadata|targets)\/\S+)$/gmu)].map(([, address]) => address);
    expect(addresses).toEqual([
      'metadata/1.root.json',
      'metadata/2.root.json',
      'metadata/timestamp.json',
      'metadata/2.targets.json',
      'metadata/2.snapshot.json',
      'metadata/1.team.json',
      `targets/${sha256('one')}.a.txt`,
      `targets/lib/${sha256('two')}.b.txt`,
    ]);
  });

  it('of the same state is the same bytes', async () => {
    expect(await make()).toEqual(await make());
  });

  it('holds the hash bins that there are', async () => {
    const bins = addBins(sim, 'team', 'lib/c.txt', 'in a bin');
    sim.publish('targets', 'team', ...bins);
    expect(await get(await reader(await make()), 'lib/c.txt')).toBe('in a bin');
  });

  it('is not believed more than a repository', async () => {
    const bytes = await make();
    const other = new RepositorySimulator();
    const firstTrust = { kind: 'file', raw: other.firstRoot } as const;
    await expect((await reader(bytes, { firstTrust })).refresh()).rejects.toMatchObject({ code: 'threshold' });
    const late = await reader(bytes, { now: () => START + 40 * 86_400_000 });
    await expect(late.refresh()).rejects.toMatchObject({ code: 'freeze' });
  });

  it('with another target in it is found out', async () => {
    const bytes = await make();
    bytes.set(Buffer.from('Two'), bytes.lastIndexOf('two'));
    await expect(get(await reader(bytes), 'lib/b.txt')).rejects.toMatchObject({ code: 'arbitrary-software' });
  });

  it('that is cut short while it is read is found out', async () => {
    const bytes = await make();
    const { urls, fetch } = await Bundle.open({
      size: bytes.length,
      read: (at, length) => Promise.resolve(length < 10 ? new Uint8Array() : bytes.subarray(at, at + length)),
    });
    await expect(get(clientOf(sim, { urls, fetch }), 'a.txt')).rejects.toMatchObject({ code: 'malformed' });
  });
});

describe('a hostile bundle', () => {
  const HEAD = 'countersign-bundle 1 example.com%2Fapp\n';

  it.each([
    ['nothing at all', ''],
    ['something else', 'PK\u0003\u0004'],
    ['a later version', 'countersign-bundle 2 a\nend\n'],
    ['no name', 'countersign-bundle 1 \nend\n'],
    ['a name that is none', 'countersign-bundle 1 %\nend\n'],
    ['no end', HEAD],
    ['bytes behind its end', `${HEAD}end\nmore`],
    ['an address that leads out', `${HEAD}1 ../etc/passwd\nxend\n`],
    ['an absolute address', `${HEAD}1 /etc/passwd\nxend\n`],
    ['an address with a space', `${HEAD}1 metadata/a b\nxend\n`],
    ['an address beyond ASCII', `${HEAD}1 metadata/é\nxend\n`],
    ['a file twice', `${HEAD}1 metadata/a\nx1 metadata/a\nyend\n`],
    ['a file longer than the bundle', `${HEAD}1000 metadata/a\nxend\n`],
    ['a length beyond all numbers', `${HEAD}99999999999999999999 metadata/a\nxend\n`],
    ['a negative length', `${HEAD}-1 metadata/a\nxend\n`],
    ['a length with a zero before it', `${HEAD}01 metadata/a\nxend\n`],
    ['a line without end', `${HEAD}1 metadata/${'a'.repeat(10_000)}`],
  ])('with %s is refused', async (_, text) => {
    await expect(Bundle.open(sourceOf(Buffer.from(text)))).rejects.toMatchObject({ code: 'malformed' });
  });

  it('with more files than a reader can remember is refused', async () => {
    const line = (index: number): string => `0 metadata/${index}\n`;
    const text = HEAD + Array.from({ length: 200_001 }, (_, index) => line(index)).join('');
    await expect(Bundle.open(sourceOf(Buffer.from(text)))).rejects.toMatchObject({ code: 'too-many' });
  });

  it('cannot have a client read more than it may', async () => {
    const large = Buffer.alloc(600_000, 'x');
    const files: BundledFile[] = [{ address: 'metadata/3.root.json', length: large.length, chunks: [large] }];
    const bytes = await bytesOf(writeBundle(GUN, files));
    const options = { firstTrust: { kind: 'file', raw: sim.file('2.root.json') } } as const;
    await expect((await reader(bytes, options)).refresh()).rejects.toMatchObject({ code: 'endless-data' });
  });
});

describe('a bundle in which anything was changed', () => {
  it('gives what was signed, or an error of ours', async () => {
    const whole = await make();
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(damage, fc.option(fc.nat(whole.length)), async (changes, end) => {
        const bytes = Buffer.from(whole.subarray(0, end ?? whole.length));
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const found = await reader(bytes)
          .then((updater) => get(updater, 'lib/b.txt'))
          .catch((error: unknown) => error);
        expect(found instanceof CountersignError || found === 'two').toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('writing a bundle', () => {
  it.each(['metadata/a b', 'other/a', 'metadata/a\n1 metadata/b', `metadata/${'a'.repeat(9000)}`])(
    'of %j is refused: it could not be read',
    async (address) => {
      const files = [{ address, length: 0, chunks: [] }];
      await expect(bytesOf(writeBundle(GUN, files))).rejects.toMatchObject({ code: 'unsupported' });
    },
  );
});
