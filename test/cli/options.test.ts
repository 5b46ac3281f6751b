import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Published } from './published.js';

const DAY = 86_400_000;

interface Role {
  readonly role: string;
  readonly expires: string;
  readonly keys: readonly { readonly id: string }[];
  readonly delegation?: object;
}

let around: Published;
let name: string;

beforeAll(async () => {
  around = await Published.begin();
  ({ name } = around);
});
afterEach(() => void (around.front.meddle = () => undefined));
afterAll(() => around.stop());

/** A role as `inspect --json` shows it. */
async function role(wanted: string): Promise<Role | undefined> {
  const { roles } = await around.publisher.json<{ roles: Role[] }>('inspect', name);
  return roles.find((found) => found.role === wanted);
}

describe('--server and --ca', () => {
  it('lead a person without settings to a server of a private authority; the server is remembered', async () => {
    const { stranger, front, ca, rootFingerprint } = around;
    const there = ['--server', front.url, '--ca', ca, '--root-fingerprint', rootFingerprint];
    expect(await stranger.ok('list', name, ...there)).toContain('lib/a.txt');
    expect(await stranger.ok('list', name, '--ca', ca)).toContain('lib/a.txt');
    const refused = await stranger.run('list', name);
    expect(refused).toMatchObject({ code: 7, out: '' });
    expect(refused.err).toContain('--ca FILE');
  });

  it('come before the environment', async () => {
    const { stranger, front, ca } = around;
    const env = { COUNTERSIGN_SERVER: 'http://127.0.0.1:9/', COUNTERSIGN_CA: '/nowhere' };
    expect(await stranger.runWith({ env }, 'list', name, '--server', front.url, '--ca', ca)).toMatchObject({ code: 0 });
    expect(await stranger.runWith({ env: { COUNTERSIGN_CA: ca } }, 'list', name)).toMatchObject({ code: 0 });
  });

  it('a file that is no certificate is told by its name', async () => {
    const ran = await around.stranger.run('list', name, '--ca', 'nowhere.pem');
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('nowhere.pem cannot be read');
  });
});

describe('--expires', () => {
  const daysLeft = (expires = ''): number => Math.round((Date.parse(expires) - Date.now()) / DAY);

  it('says how long what is signed stays valid', async () => {
    const { publisher } = around;
    await around.stage('expires', '');
    await publisher.ok('publish', name, '--expires', '40');
    expect(daysLeft((await role('targets'))?.expires)).toBe(40);
    await publisher.ok('rotate', name, 'timestamp', '--expires', '50');
    expect(daysLeft((await role('root'))?.expires)).toBe(50);
    const { expires } = await publisher.json<{ expires: string }>('init', `${name}/other`, '--expires', '60');
    expect(daysLeft(expires)).toBe(60);
  });

  it.each(['0', '-1', '1.5', '99999', 'soon', ''])('of "%s" days makes no sense', async (days) => {
    const ran = await around.publisher.run('publish', name, '--expires', days);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('Give a number of days');
  });
});

describe('rotate --key', () => {
  it.each(['targets', 'root'])('gives %s a key that is there already', async (which) => {
    const { publisher } = around;
    const { id } = await publisher.json<{ id: string }>('key', 'generate');
    await publisher.ok('rotate', name, which, '--key', id.slice(0, 16));
    expect((await role(which))?.keys.map((key) => key.id)).toEqual([id]);
    expect(await publisher.ok('rotate', name, which, '--key', id)).toContain('already');
  });

  it.each([
    ["the server's key", 'timestamp', 2],
    ['a key that is not there', 'root', 3],
  ])('does not choose %s', async (_, which, code) => {
    expect(await around.publisher.run('rotate', name, which, '--key', 'f'.repeat(64))).toMatchObject({ code, out: '' });
  });
});

describe('delegation add', () => {
  it('--by lets a delegated role delegate, and take back', async () => {
    await around.delegate('team', '--paths', 'team/*', 'team/*/*');
    await around.delegate('member', '--by', 'team', '--paths', 'team/member/*');
    expect((await role('member'))?.delegation).toMatchObject({ by: 'team' });
    expect(await around.publisher.run('delegation', 'remove', name, 'member')).toMatchObject({ code: 3 });
    await around.publisher.ok('delegation', 'remove', name, 'member', '--by', 'team');
    expect(await role('member')).toBeUndefined();
  });

  it('--terminating ends the search', async () => {
    const { publisher } = around;
    await around.delegate('last', '--paths', 'last/*', '--terminating');
    await around.delegate('beyond', '--paths', 'last/*');
    await around.stage('last/x', 'unreachable', '--role', 'beyond');
    await publisher.ok('publish', name, '--role', 'beyond');
    expect(await publisher.run('get', name, 'last/x', '-o', publisher.path('got'))).toMatchObject({ code: 3 });
  });

  it('request --key takes a key that is there already', async () => {
    const { publisher, rootKey } = around;
    const file = publisher.path('own.json');
    const key = ['--key', rootKey.slice(0, 20)];
    expect(await publisher.json('delegation', 'request', name, 'own', '-o', file, ...key)).toMatchObject({
      key: rootKey,
    });
  });
});

describe('--abandon', () => {
  it('goes with everything that may leave a role unverifiable', async () => {
    const { publisher, front, ca } = around;
    let sent = '';
    // What a request carried has come when the next one begins.
    front.meddle = () => void (sent += front.body);
    const abandoning = async (...argv: string[]): Promise<string> => {
      sent = '';
      await publisher.ok(...argv, '--server', front.url, '--ca', ca, '--abandon', 'ghost');
      return sent;
    };
    const field = /name="abandon"\r\n\r\nghost\r\n/u;
    await around.stage('abandon', '');
    expect(await abandoning('publish', name)).toMatch(field);
    await publisher.ok('delegation', 'request', name, 'brief', '-o', publisher.path('brief.json'));
    expect(await abandoning('delegation', 'add', name, 'brief', '--request', publisher.path('brief.json'))).toMatch(
      field,
    );
    expect(await abandoning('delegation', 'remove', name, 'brief')).toMatch(field);
  });
});
