import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_JOBS } from '../../support/by-hand.js';
import { makeCa } from '../../support/certificates.js';
import { startTokenServer, type TokenServer } from '../../support/token-server.js';
import { makeIssuer } from '../../support/tokens.js';
import { World } from '../../support/world.js';
import { DockerPerson } from './docker-cli.js';
import { NOWHERE } from './docker-stage.js';
import { People, type Home } from './home.js';
import { NotaryPerson, succeeded } from './notary-cli.js';
import { missingPrograms } from '../../support/programs.js';
import { startHttpsProxy, type Proxy } from './proxy.js';
import { recordCommands } from './recorder.js';
import { makeSignerKey } from './signer-keys.js';
import type { TrustServer } from './trust-server.js';

/** What clients print where a server wants somebody else. */
const REFUSED = /unauthorized|denied|insufficient|401|authentication/iu;
const missing = missingPrograms(['notary', 'docker']);
const skipped = missing.length > 0 ? missing.join(', ') : undefined;

/*
 * Alice may do everything; bob only reads, private collections too; anybody reads what is public. carol types her password
 * wrong.
 */
describe.skipIf(skipped !== undefined)(
  `a server that asks for tokens${skipped === undefined ? '' : `: no ${skipped}`}`,
  () => {
    let directory: string;
    let tokens: TokenServer;
    let world: World;
    let proxy: Proxy;
    let server: TrustServer;
    const people = new People((home: Home) => new NotaryPerson(home, server));
    const dockers = new People((home: Home) => new DockerPerson(home, { server, registries: [NOWHERE] }));
    recordCommands();

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'countersign-authentication-'));
      const issuer = await makeIssuer();
      tokens = await startTokenServer({
        issuer,
        users: { alice: 'secret', bob: 'secret', carol: 'another' },
        allows: (user, name, action) =>
          user === 'alice' || (action === 'pull' && (user === 'bob' || name.includes('/public'))),
      });
      const rootcertbundle = join(directory, 'bundle.pem');
      await writeFile(rootcertbundle, issuer.certificate.toString());
      world = await World.start({ server: { ...NO_JOBS, auth: { ...tokens.config, rootcertbundle } } });
      const ca = await makeCa('Authentication CA');
      const caFile = join(directory, 'ca.crt');
      await writeFile(caFile, ca.certificate);
      proxy = await startHttpsProxy(world.url, await ca.issue({ cn: 'localhost', use: 'server' }));
      server = { kind: 'countersign', url: proxy.url, plainUrl: world.url, caFile, stop: () => Promise.resolve() };
    });
    beforeEach(() => {
      tokens.asked.length = 0;
    });
    afterAll(async () => {
      people.leave();
      dockers.leave();
      await proxy.stop();
      await world.stop();
      await tokens.close();
      await rm(directory, { recursive: true });
    });

    const ALICE = { login: 'alice:secret' };
    const BOB = { login: 'bob:secret' };

    async function published(gun: string): Promise<NotaryPerson> {
      const alice = people.newcomer('alice');
      for (const args of [
        ['init', gun],
        ['add', gun, 'v1', alice.file('v1')],
        ['publish', gun],
      ])
        succeeded(args, await alice.notary(args, ALICE));
      return alice;
    }

    /** What a command that must fail has printed. */
    async function refused(
      who: NotaryPerson,
      args: readonly string[],
      options: { login?: string } = {},
    ): Promise<string> {
      const { code, stdout, stderr } = await who.notary(args, options);
      expect(code).not.toBe(0);
      return stdout + stderr;
    }

    describe('notary', () => {
      it('asks the token server it is sent to, publishes, and reads what is public without a name', async () => {
        const gun = 'example.com/public/app';
        await published(gun);
        const asked = tokens.asked.map(({ user, query }) => `${user ?? 'nobody'} ${query['scope'] ?? ''}`);
        expect(asked).toContain(`alice repository:${gun}:push,pull`);
        expect(tokens.asked.every(({ query }) => query['service'] === 'test trust')).toBe(true);
        expect(await people.newcomer('reader').lists(gun)).toEqual(['v1']);
      });

      it('reads what is private with a name, and not without', async () => {
        const gun = 'example.com/private/read';
        await published(gun);
        const reader = people.newcomer('reader');
        await refused(reader, ['list', gun]);
        const { stdout } = succeeded(['list', gun], await reader.notary(['list', gun], BOB));
        expect(stdout).toContain('v1');
      });

      it('may not publish with a token that only reads', async () => {
        const gun = 'example.com/private/write';
        const alice = await published(gun);
        const bob = people.newcomer('bob');
        alice.copyKeysTo(bob);
        succeeded(['add'], await bob.notary(['add', gun, 'v2', bob.file('v2')], BOB));
        expect(await refused(bob, ['publish', gun], BOB)).toMatch(REFUSED);
        expect(bob.changes(gun)).toBe(1);
        const { stdout } = succeeded(['list', gun], await people.newcomer('reader').notary(['list', gun], BOB));
        expect(stdout).not.toContain('v2');
      });

      it('may not rotate keys nor delete with less than everything, and may with it', async () => {
        const gun = 'example.com/private/all';
        const alice = await published(gun);
        const bob = people.newcomer('bob');
        alice.copyKeysTo(bob);
        expect(await refused(bob, ['key', 'rotate', gun, 'timestamp', '-r'], BOB)).toMatch(REFUSED);
        succeeded(['rotate'], await alice.notary(['key', 'rotate', gun, 'timestamp', '-r'], ALICE));
        await refused(bob, ['delete', gun, '--remote'], BOB);
        succeeded(['list'], await people.newcomer('reader').notary(['list', gun], BOB));
        succeeded(['delete'], await alice.notary(['delete', gun, '--remote'], ALICE));
        await refused(people.newcomer('reader'), ['list', gun], BOB);
      });

      it('with a wrong password gets nowhere', async () => {
        const gun = 'example.com/private/wrong';
        const carol = people.newcomer('carol');
        expect(await refused(carol, ['init', gun, '-p'], { login: 'carol:secret' })).toMatch(REFUSED);
        expect(tokens.asked.some(({ user }) => user === 'carol')).toBe(true);
      });
    });

    describe('docker trust', () => {
      const image = `${NOWHERE}/team/app`;

      async function signed(name: string): Promise<DockerPerson> {
        const alice = dockers.newcomer('alice');
        await alice.does('trust', 'key', 'generate', 'alice');
        await alice.does('trust', 'signer', 'add', '--key', 'alice.pub', 'alice', name);
        return alice;
      }

      it('signs in as the registry’s user, publishes and reads', async () => {
        await signed(image);
        expect(tokens.asked.every(({ user }) => user === 'alice')).toBe(true);
        expect(new Set(tokens.asked.map(({ query }) => query['scope']))).toContain(`repository:${image}:pull,push`);
        expect(await dockers.newcomer('bob').signers(image)).toEqual(['alice']);
      });

      it('may not publish with a token that only reads', async () => {
        const name = `${NOWHERE}/team/read`;
        await signed(name);
        const bob = dockers.newcomer('bob');
        const key = makeSignerKey(bob.home, 'bob');
        await bob.refuses('trust', 'signer', 'add', '--key', key.public, 'bob', name);
        expect(await dockers.newcomer('bob').signers(name)).toEqual(['alice']);
        const first = await bob.refuses('trust', 'signer', 'add', '--key', key.public, 'bob', `${NOWHERE}/team/new`);
        expect(first).toMatch(/failed to add signer to/iu);
      });

      it('with a wrong password gets nowhere', async () => {
        const name = `${NOWHERE}/team/wrong`;
        await signed(name);
        const carol = dockers.newcomer('carol');
        await carol.refuses('trust', 'inspect', name);
        const key = makeSignerKey(carol.home, 'carol');
        await carol.refuses('trust', 'signer', 'add', '--key', key.public, 'carol', name);
        expect(await dockers.newcomer('bob').signers(name)).toEqual(['alice']);
      });
    });
  },
);
