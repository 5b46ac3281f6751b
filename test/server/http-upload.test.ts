import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { form, role, type Form, type Part } from './support/form.js';
import { codeOf, startTestServer, type Answer, type TestServer } from './support/http-server.js';

const LIMITS = { part: 1_000, parts: 4, upload: 5_000, bodyIdle: 300, drainBytes: 10_000_000, drainTime: 1_000 };

let server: TestServer;
let number = 0;
beforeAll(async () => {
  server = await startTestServer(LIMITS);
});
afterAll(() => server.close());

/** Sends a form to a collection of its own, and says what came of it. */
async function publish(sent: Partial<Form>): Promise<{ answer: Answer; base: string; stored: boolean }> {
  number += 1;
  const base = `/v2/upload-${number}/_trust/tuf/`;
  const before = server.collections.requests.length;
  const answer = await server.ask(base, { method: 'POST', ...sent });
  return { answer, base, stored: server.collections.requests.length > before };
}

function field(name: string, content: string): Part {
  return { name, content };
}

describe('a publish', () => {
  it('answers with the versions it made current', async () => {
    const { answer } = await publish(form(role('root'), role('targets.json')));
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({
      gun: `upload-${number}`,
      versions: { root: 1, targets: 1 },
      timestampExpires: '2030-01-01T00:00:00Z',
      repeated: false,
    });
    expect(server.log.at(-2)).toMatchObject({ level: 'info', message: 'published' });
  });

  it('hands over roles and bytes as they were sent', async () => {
    const names = ['a/b/c', 'with space', '50%', '%2F', 'a.b', 'ünï'];
    for (const name of names) {
      await publish(form(role(`${name}.json`, 1, ',"text":"ü\\r\\n--test"')));
      const { files } = server.collections.requests.at(-1) ?? { files: [] };
      expect(files.map((file) => file.role)).toEqual([name]);
      expect(Buffer.from(files[0]?.bytes ?? []).toString()).toBe('{"signed":{"version":1,"text":"ü\\r\\n--test"}}');
    }
  });

  it('drops one .json only', async () => {
    await publish(form(role('a.json.json')));
    expect(server.collections.requests.at(-1)?.files[0]?.role).toBe('a.json');
  });

  it('reads an exact file name where a quoted one cannot say it (RFC 5987)', async () => {
    const disposition = `form-data; name="files"; filename*=UTF-8''${encodeURIComponent('a"b')}`;
    await publish(form({ disposition, content: '{"signed":{"version":1}}' }));
    expect(server.collections.requests.at(-1)?.files[0]?.role).toBe('a"b');
  });

  it.each([
    [[], 'anywhere', []],
    [[field('targets', 'hosted')], 'hosted', []],
    [[field('targets', 'anywhere'), field('abandon', 'a'), field('abandon', 'b/c')], 'anywhere', ['a', 'b/c']],
  ])('reads its fields %#', async (fields, targets, abandons) => {
    await publish(form(...fields, role('targets')));
    expect(server.collections.requests.at(-1)).toMatchObject({ targets, abandons });
  });

  it('takes what FormData sends', async () => {
    const body = new FormData();
    body.append('files', new Blob(['{"signed":{"version":1}}']), 'team/a');
    const answer = await fetch(`${server.url}/v2/fetch/_trust/tuf/`, { method: 'POST', body });
    expect(await answer.json()).toMatchObject({ versions: { 'team/a': 1 } });
  });

  it('takes a part and a whole at their limits', async () => {
    const fill = 'x'.repeat(LIMITS.part - role('root', 1, ',"x":""').content.length);
    const { answer } = await publish(form(role('root', 1, `,"x":"${fill}"`), role('a'), role('b'), role('c')));
    expect(answer.status).toBe(200);
  });

  it('tells of a conflict with role, version sent and version current', async () => {
    const { base } = await publish(form(role('targets')));
    const answer = await server.ask(base, { method: 'POST', ...form(role('targets')) });
    expect(answer.status).toBe(409);
    expect(answer.json()).toMatchObject({
      error: { code: 'conflict', detail: { role: 'targets', version: 1, current: 1 } },
    });
  });
});

it('a publish without a file is for the collection to refuse', async () => {
  const { answer } = await publish(form(field('targets', 'hosted')));
  expect([answer.status, codeOf(answer)]).toEqual([400, 'bad-upload']);
});

const whole = form(role('root'), role('targets'));
const big = 'x'.repeat(LIMITS.part + 1);

describe('a publish is refused', () => {
  it.each<[string, Partial<Form>, number, string]>([
    ['without a media type', { body: whole.body }, 415, 'unsupported'],
    ['as JSON', { headers: { 'Content-Type': 'application/json' }, body: whole.body }, 415, 'unsupported'],
    [
      'as multipart/mixed',
      { headers: { 'Content-Type': 'multipart/mixed; boundary=x' }, body: whole.body },
      415,
      'unsupported',
    ],
    [
      'as multipart/form-dataset',
      { headers: { 'Content-Type': 'multipart/form-dataset; boundary=x' }, body: whole.body },
      415,
      'unsupported',
    ],
    ['without a boundary', { headers: { 'Content-Type': 'multipart/form-data' }, body: whole.body }, 400, 'bad-upload'],
    [
      'with another boundary',
      { headers: { 'Content-Type': 'multipart/form-data; boundary=other' }, body: whole.body },
      400,
      'bad-upload',
    ],
    ['truncated in a part', { ...whole, body: whole.body.subarray(0, -40) }, 400, 'bad-upload'],
    ['truncated in a header', { ...whole, body: whole.body.subarray(0, 30) }, 400, 'bad-upload'],
    ['truncated before its end mark', { ...whole, body: whole.body.subarray(0, -4) }, 400, 'bad-upload'],
    [
      'with a part header that is none',
      { ...whole, body: Buffer.from(whole.body.toString().replace('Content-Disposition:', 'Content Disposition')) },
      400,
      'bad-upload',
    ],
    ['empty', { ...whole, body: Buffer.alloc(0) }, 400, 'bad-upload'],
    ['with a part of another name', form({ ...role('root'), name: 'file' }), 400, 'bad-upload'],
    [
      'with a part without a name',
      form({ disposition: 'form-data; filename="root"', content: '{}' }),
      400,
      'bad-upload',
    ],
    ['with a role without a name', form({ fileName: '.json', content: '{}' }), 400, 'bad-upload'],
    ['with an unknown field', form(field('force', 'yes'), role('root')), 400, 'bad-upload'],
    ['with an unknown place for targets', form(field('targets', 'elsewhere'), role('root')), 400, 'bad-upload'],
    [
      'with two places for targets',
      form(field('targets', 'hosted'), field('targets', 'hosted'), role('root')),
      400,
      'bad-upload',
    ],
    ['with an endless field', form(field('abandon', 'x'.repeat(1_100)), role('root')), 400, 'bad-upload'],
    ['with the same role twice', form(role('root'), role('root')), 400, 'duplicate-role'],
    ['with the same role under two names', form(role('root'), role('root.json')), 400, 'duplicate-role'],
    ['with a part too large', form(role('root', 1, `,"x":"${big}"`)), 413, 'too-large'],
    ['with too many parts', form(...['a', 'b', 'c', 'd', 'e'].map((name) => role(name))), 400, 'too-many'],
    [
      'with too many fields',
      form(
        ...Array.from({ length: 257 }, () => ({ disposition: 'form-data; name=abandon', content: '' })),
        role('root'),
      ),
      413,
      'too-large',
    ],
    [
      'too large as a whole',
      form(...['a', 'b', 'c', 'd'].map((name) => role(name)), field('abandon', 'x'.repeat(5_000))),
      413,
      'too-large',
    ],
  ])('%s', async (_what, sent, status, code) => {
    const { answer, stored } = await publish(sent);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(stored).toBe(false);
  });

  it('names the role and the limit of a part too large', async () => {
    const { answer } = await publish(form(role('team/a', 1, `,"x":"${big}"`)));
    expect(answer.json()).toMatchObject({ error: { detail: { role: 'team/a', limit: LIMITS.part } } });
  });

  it('too large without saying so beforehand', async () => {
    const { answer } = await publish({
      ...form(
        ...['a', 'b', 'c'].map((name) => role(name, 1, `,"x":"${'x'.repeat(900)}"`)),
        field('abandon', 'x'.repeat(5_000)),
      ),
      headers: { ...whole.headers, 'Transfer-Encoding': 'chunked' } as Form['headers'],
    });
    expect([answer.status, codeOf(answer)]).toEqual([413, 'too-large']);
  });

  it('while megabytes are still on their way, and the client gets the answer', async () => {
    const sent = form(role('root', 1, `,"x":"${'x'.repeat(8_000_000)}"`));
    for (const extra of [{}, { 'Transfer-Encoding': 'chunked' }]) {
      const { answer } = await publish({ ...sent, headers: { ...sent.headers, ...extra } });
      expect(answer.status).toBe(413);
    }
  });

  it('or taken, never left without an answer, whatever bytes are in it', async () => {
    const edit = fc.record({
      at: fc.nat(whole.body.length),
      drop: fc.nat(20),
      put: fc.constantFrom('', '\r\n', '--test-boundary', '"', ';', '\0', 'x'.repeat(2_000)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let body = whole.body;
        for (const { at, drop, put } of edits)
          body = Buffer.concat([body.subarray(0, at), Buffer.from(put), body.subarray(at + drop)]);
        const { answer } = await publish({ ...whole, body });
        expect([200, 400, 409, 413]).toContain(answer.status);
      }),
      { numRuns: 150 },
    );
  });

  it('and the connection goes on', async () => {
    const head = (length: number): string =>
      `POST /v2/x/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`;
    const received = await server.raw(
      `${head(5)}helloGET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      3_000,
    );
    expect(received).toMatch(/^HTTP\/1\.1 415 [\s\S]*HTTP\/1\.1 200 /u);
  });
});

describe('a slow client', () => {
  const head = (length: number): string =>
    `POST /v2/slow/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: ${whole.headers['Content-Type']}\r\nContent-Length: ${length}\r\n\r\n`;

  it('that stops in the middle of a form is answered and cut off', async () => {
    const started = performance.now();
    const received = await server.raw(head(whole.body.length) + whole.body.toString('latin1').slice(0, 50), 10_000);
    expect(received).toMatch(/^HTTP\/1\.1 400 /u);
    expect(received).toContain('bad-upload');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('that goes away in the middle of a form leaves nothing', async () => {
    const before = server.collections.requests.length;
    await server.raw(head(whole.body.length) + whole.body.toString('latin1').slice(0, 50), 50);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.collections.requests.length).toBe(before);
    expect(server.log.at(-1)).toMatchObject({ what: { code: 'bad-upload' } });
  });
});
