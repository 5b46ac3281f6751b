import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person, type Ran } from './terminal.js';
import { CTRL_C, CTRL_D, ENTER, Tty, type Typed } from './tty.js';

/** As in the environment of every `Person`. */
const RIGHT = 'correct horse';
const NEW = 'New passphrase for your keys';
const AGAIN = 'The same again';
const UNSET = { COUNTERSIGN_PASSPHRASE: '' };

let person: Person;
let id: string;

beforeEach(async () => {
  person = await Person.arrive();
  ({ id } = await person.json<{ id: string }>('key', 'generate'));
});
afterEach(() => person.leave());

/** Runs the command without the variable at a terminal where these answers are typed; all prompts must have come. */
async function typing(typed: readonly Typed[], ...argv: string[]): Promise<Ran> {
  return typingBy(person, typed, ...argv);
}

async function typingBy(who: Person, typed: readonly Typed[], ...argv: string[]): Promise<Ran> {
  const tty = new Tty(typed);
  const ran = await who.runWith({ env: UNSET, tty }, ...argv);
  expect(tty.unasked).toEqual([]);
  return ran;
}

async function file(content: string): Promise<string> {
  await writeFile(person.path('passphrase'), content);
  return person.path('passphrase');
}

describe('--passphrase-file', () => {
  it.each([
    ['the first line', `${RIGHT}\nnot this\n`],
    ['the only line', RIGHT],
    ['a line that ends as on Windows', `${RIGHT}\r\n`],
  ])('is read: %s', async (_, content) => {
    const ran = await person.runWith({ env: UNSET }, 'key', 'export', id, '--passphrase-file', await file(content));
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  });

  it('comes before the variable', async () => {
    const ran = await person.run('key', 'export', id, '--passphrase-file', await file('wrong'));
    expect(ran).toMatchObject({ code: 8, out: '' });
  });

  it.each([
    ['empty', '', 'is empty'],
    ['empty in its first line', '\nsecret\n', 'is empty'],
    ['too long', 'x'.repeat(5000), 'is too long'],
  ])('that is %s ends with 8', async (_, content, why) => {
    const ran = await person.run('key', 'generate', '--passphrase-file', await file(content));
    expect(ran).toMatchObject({ code: 8, out: '' });
    expect(ran.err).toContain(`${person.path('passphrase')} ${why}`);
  });

  it('that is missing ends with 8 and names the file', async () => {
    const ran = await person.run('key', 'generate', '--passphrase-file', person.path('nowhere'));
    expect(ran).toMatchObject({ code: 8, out: '' });
    expect(ran.err).toContain(`${person.path('nowhere')} cannot be read`);
  });

  it('that holds a wrong passphrase ends with 8, without a question at a terminal', async () => {
    const ran = await typing([], 'key', 'export', id, '--passphrase-file', await file('wrong'));
    expect(ran).toMatchObject({ code: 8, out: '' });
    expect(ran.err).not.toContain('?');
  });
});

describe('without a terminal', () => {
  it.each([
    ['a new key', ['key', 'generate']],
    ['a key of ours', ['key', 'export']],
  ])(
    'and without a passphrase %s ends with 8 at once',
    async (_, argv) => {
      const ran = await person.runWith({ env: UNSET }, ...argv, ...(argv[1] === 'export' ? [id] : []));
      expect(ran).toMatchObject({ code: 8, out: '' });
      expect(ran.err).toContain('--passphrase-file');
    },
    5_000,
  );

  it.each(['stdin', 'stderr'] as const)(
    'as %s nobody is asked either',
    async (side) => {
      const tty = new Tty();
      tty[side].isTTY = false;
      const ran = await person.runWith({ env: UNSET, tty }, 'key', 'generate');
      expect(ran).toMatchObject({ code: 8, out: '' });
    },
    5_000,
  );
});

describe('at a terminal', () => {
  /** Somebody without a key. */
  let newcomer: Person;
  beforeEach(async () => {
    newcomer = await Person.arrive();
  });
  afterEach(() => newcomer.leave());

  it('a new passphrase is asked for twice, and never shown', async () => {
    const ran = await typingBy(newcomer, [[NEW, `sesame${ENTER}`], [AGAIN, `sesame${ENTER}`]], 'key', 'generate', '--json'); // prettier-ignore
    expect(ran.code).toBe(0);
    expect(ran.err).not.toContain('sesame');
    const made = JSON.parse(ran.out) as { id: string };
    expect(
      await newcomer.runWith({ env: { COUNTERSIGN_PASSPHRASE: 'sesame' } }, 'key', 'export', made.id),
    ).toMatchObject({ code: 0 });
  });

  it('two that differ, and an empty one, are asked for again', async () => {
    const typed: Typed[] = [
      [NEW, `sesame${ENTER}`],
      [AGAIN, `sesamy${ENTER}`],
      [NEW, ENTER],
      [NEW, `open${ENTER}`],
      [AGAIN, `open${ENTER}`],
    ];
    const ran = await typingBy(newcomer, typed, 'key', 'generate');
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('These are not the same.');
    expect(ran.err).toContain('A passphrase cannot be empty.');
  });

  it('three that differ are enough', async () => {
    const pair: Typed[] = [
      [NEW, `one${ENTER}`],
      [AGAIN, `two${ENTER}`],
    ];
    expect(await typingBy(newcomer, [...pair, ...pair, ...pair], 'key', 'generate')).toMatchObject({
      code: 8,
      out: '',
    });
  });

  const ask = (): string => `Passphrase for key ${id.slice(0, 12)}`;

  it('a wrong passphrase may be typed twice', async () => {
    const typed: Typed[] = [
      [ask(), `wrong${ENTER}`],
      [ask(), `worse${ENTER}`],
      [ask(), `${RIGHT}${ENTER}`],
    ];
    const ran = await typing(typed, 'key', 'export', id);
    expect(ran.code).toBe(0);
    expect(ran.err.match(/That is not it\./gu)).toHaveLength(2);
    expect(ran.out).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  });

  it('the third wrong one is the last', async () => {
    const wrong: Typed = [ask(), `wrong${ENTER}`];
    const ran = await typing([wrong, wrong, wrong], 'key', 'export', id);
    expect(ran).toMatchObject({ code: 8, out: '' });
  });

  it('an answer that is wrong gets no tick', async () => {
    const ran = await typing([[ask(), `wrong${ENTER}`], [ask(), `${RIGHT}${ENTER}`]], 'key', 'export', id); // prettier-ignore
    expect(ran.err).not.toContain('✔');
  });

  it('the passphrase for another key is asked for once, and must open one there is', async () => {
    const asked = `${ask()}, which is to open the new one too`;
    const ran = await typing([[asked, `wrong${ENTER}`], [asked, `${RIGHT}${ENTER}`]], 'key', 'generate'); // prettier-ignore
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.err).toContain('That is not it.');
  });

  it('Ctrl-D at the question ends with 130, and says so', async () => {
    for (const [who, prompt, ...argv] of [
      [person, ask(), 'key', 'export', id],
      [newcomer, NEW, 'key', 'generate'],
    ] as const) {
      const ran = await typingBy(who, [[prompt, CTRL_D]], ...argv);
      expect(ran).toMatchObject({ code: 130, out: '' });
      expect(ran.err).toContain('countersign: interrupted');
    }
  });

  it('Ctrl-C at the question ends with 130', async () => {
    const ran = await typing([[ask(), CTRL_C]], 'key', 'export', id);
    expect(ran).toMatchObject({ code: 130, out: '' });
    expect(ran.err).toContain('countersign: interrupted');
  });

  it('a signal during the question ends with 130', async () => {
    const interrupt = new AbortController();
    const tty = new Tty();
    tty.stderr.onText(ask(), () => interrupt.abort());
    const ran = await person.runWith({ env: UNSET, tty, signal: interrupt.signal }, 'key', 'export', id);
    expect(ran).toMatchObject({ code: 130, out: '' });
  });

  /** Somebody else who takes the key over, typing. */
  async function takeOver(typed: readonly Typed[], passphrase: string): Promise<void> {
    const pem = person.path('key.pem');
    await person.ok('key', 'export', id, '-o', pem);
    const other = await Person.arrive();
    try {
      const tty = new Tty(typed);
      expect(await other.runWith({ env: UNSET, tty }, 'key', 'import', pem)).toMatchObject({ code: 0 });
      expect(tty.unasked).toEqual([]);
      const mine = { env: { COUNTERSIGN_PASSPHRASE: passphrase } };
      expect(await other.runWith(mine, 'key', 'export', id)).toMatchObject({ code: 0 });
    } finally {
      await other.leave();
    }
  }

  it('a key sealed under another passphrase is taken over: ours is asked for first, then the other', async () => {
    const typed: Typed[] = [
      [NEW, `mine${ENTER}`],
      [AGAIN, `mine${ENTER}`],
      ['Passphrase for /', `wrong${ENTER}`],
      ['Passphrase for /', `${RIGHT}${ENTER}`],
    ];
    await takeOver(typed, 'mine');
  });

  it('a passphrase that was typed is tried before another is asked for', async () => {
    const typed: Typed[] = [
      [NEW, `${RIGHT}${ENTER}`],
      [AGAIN, `${RIGHT}${ENTER}`],
    ];
    await takeOver(typed, RIGHT);
  });
});
