import type { Home } from '../../node/home.js';
import type { StoredKey } from '../../node/key-store.js';
import { labelsOf, type KeyLabels } from '../../node/notary-key.js';
import { CountersignError } from '../../tuf/errors.js';
import { isTopLevel, ROOT, type KeyId } from '../../tuf/names.js';
import { usesOf } from './key-uses.js';
import { notaryId } from './notary-id.js';
import type { CommonOptions } from '../options.js';
import { short } from '../terminal/output.js';
import { ownKey } from './own-key.js';
import { present, putText, wouldOverwrite } from '../files/put-file.js';
import type { Session } from '../session.js';

export interface ExportOptions extends CommonOptions {
  readonly public?: true;
  readonly format: 'pem' | 'notary';
  readonly role?: string;
  readonly gun?: string;
  readonly output?: string;
  readonly force?: true;
}

export async function exportKey(session: Session, start: string, options: ExportOptions): Promise<void> {
  const { keys, output, passphrases } = session;
  const id = await ownKey(keys, start);
  const isPublic = options.public === true;
  const file = options.output;
  const before = file === undefined || options.force === true ? undefined : await present(file);
  const there = before === undefined ? undefined : new TextDecoder().decode(before);
  const exported = isPublic
    ? publicPem(await keys.exportPublic(id), there)
    : await passphrases.unlock(`key ${short(id)}`, async (passphrase): Promise<Exported> => {
        const pem = await privatePem(session, id, passphrase, options);
        // Sealed with new salt each time: a copy is known by what it opens to.
        if (there === undefined) return { kind: 'new', pem };
        return { kind: (await keys.isCopy(id, there, passphrase)) ? 'there' : 'other' };
      });
  if (file === undefined) {
    if (exported.kind === 'new') show(session, { id, public: isPublic, pem: exported.pem });
    return;
  }
  if (exported.kind === 'other') throw wouldOverwrite(file);
  if (exported.kind === 'new') await putText(file, exported.pem, isPublic ? 0o644 : 0o600);
  if (options.json === true) output.json({ id, public: isPublic, file });
  else {
    const already = exported.kind === 'there' ? ' already' : '';
    output.line(`Key ${id} is in ${file}${already}${isPublic ? '' : ', encrypted under your passphrase'}.`);
  }
}

function show(
  { output, options }: Session,
  told: { readonly id: KeyId; readonly public: boolean; readonly pem: string },
): void {
  if (options.json === true) output.json(told);
  else output.block(told.pem);
}

/** What is to be written; or whether what is there is it already, or something else. */
type Exported = { readonly kind: 'new'; readonly pem: string } | { readonly kind: 'there' | 'other' };

function publicPem(pem: string, there: string | undefined): Exported {
  if (there === undefined) return { kind: 'new', pem };
  return { kind: there === pem ? 'there' : 'other' };
}

function privatePem(session: Session, id: KeyId, passphrase: string, options: ExportOptions): Promise<string> {
  return options.format === 'notary'
    ? forNotary(session, id, passphrase, options)
    : session.keys.exportPrivate(id, passphrase);
}

async function forNotary(
  { keys, crypto, home }: Session,
  id: KeyId,
  passphrase: string,
  { role, gun }: ExportOptions,
): Promise<string> {
  const key = (await keys.list()).find((own) => own.id === id);
  if (key === undefined) throw new CountersignError('not-found', `key ${id} is gone`);
  const labels = role === undefined && key.role === undefined ? await labelsByUse(home, key) : labelsOf(role, gun);
  return keys.exportForNotary(id, passphrase, notaryId(key, crypto), { ...labels, ...labelsOf(undefined, gun) });
}

/** What Notary would say of a key that signs for collections known here. @throws CountersignError `usage` where it signs none */
async function labelsByUse(home: Home, key: StoredKey): Promise<KeyLabels> {
  const uses = (await usesOf(home, [key])).get(key.id) ?? [];
  const [first, ...others] = uses;
  if (first === undefined || others.some(({ role }) => role !== first.role)) {
    throw new CountersignError('usage', `nothing is known of the role of key ${key.id}`, {
      next: 'Give --role: root, targets, snapshot, or for a signer of delegated roles user; and --gun for targets and snapshot.',
    });
  }
  if (first.role === ROOT) return labelsOf(ROOT, undefined);
  return isTopLevel(first.role) ? labelsOf(first.role, first.name) : labelsOf('user', undefined);
}
