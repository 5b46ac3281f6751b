import type { IncomingMessage } from 'node:http';
import { ROOT } from '@countersign/client/tuf';
import type { PastUpload, TakeOverRequest } from '../collection/service.js';
import type { Share } from './budget.js';
import { badUpload, quote, readForm } from './form.js';
import type { HttpLimits } from './limits.js';

/** A collection of another server as its form says it, before anything in it is believed. */
export type Import = Pick<TakeOverRequest, 'history' | 'next'>;

const IMPORT_ADVICE =
  'Send the form again: parts named "history", the roots as <version>.root and what is current by role, and parts named "next".';
const PAST_ADVICE =
  'Send the form again, each part a file <version>.<role>, named after the <version>.<role> that lists its keys.';

/** `12.targets/releases`: a file by its version. */
const VERSIONED = /^(?<version>[1-9]\d{0,15})\.(?<role>.+)$/su;

/**
 * Reads the form of an import: file parts named `history`, whose file name is `<version>.root` for each root, and the role
 * for everything that is current; and file parts named `next`, for the root and the snapshot that follow it here.
 * @throws CountersignError as `readForm`
 */
export async function readImport(request: IncomingMessage, limits: HttpLimits, share: Share): Promise<Import> {
  const roots: { version: number; key: string }[] = [];
  const files = await readForm(request, limits, share, {
    advice: IMPORT_ADVICE,
    file(name, role) {
      if (name !== 'history' && name !== 'next')
        throw badUpload(`there is no file part ${quote(name)}, only "history" and "next"`, IMPORT_ADVICE);
      const versioned = name === 'history' ? named(role) : undefined;
      if (role === '' || (name === 'history' && role === ROOT))
        throw badUpload('a part is named by no role, or is a root of the history without its version', IMPORT_ADVICE);
      if (versioned?.role === ROOT) roots.push({ version: versioned.version, key: `${name} ${role}` });
      return `${name} ${role}`;
    },
    field: noField(IMPORT_ADVICE),
  });
  const of = (part: string): { role: string; bytes: Uint8Array }[] =>
    [...files].flatMap(([key, bytes]) =>
      key.startsWith(`${part} `) ? [{ role: key.slice(part.length + 1), bytes }] : [],
    );
  roots.sort((a, b) => a.version - b.version);
  const isRoot = new Set(roots.map(({ key }) => key));
  return {
    history: {
      roots: roots.map(({ key }) => ({ role: ROOT, bytes: files.get(key) ?? new Uint8Array() })),
      current: of('history').filter(({ role }) => !isRoot.has(`history ${role}`)),
    },
    next: of('next'),
  };
}

/**
 * Reads the form of earlier versions: file parts whose file name is `<version>.<role>`, each named after the file that lists
 * the keys of its role, `<version>.<role>` too.
 * @throws CountersignError as `readForm`
 */
export async function readPast(
  request: IncomingMessage,
  limits: HttpLimits,
  share: Share,
): Promise<readonly PastUpload[]> {
  const uploads = new Map<string, Omit<PastUpload, 'bytes'>>();
  const files = await readForm(request, limits, share, {
    advice: PAST_ADVICE,
    file(name, fileName) {
      const [by, file] = [named(name), named(fileName)];
      if (by === undefined || file === undefined)
        throw badUpload(
          `a part is ${quote(fileName)} by ${quote(name)}, not <version>.<role> by <version>.<role>`,
          PAST_ADVICE,
        );
      uploads.set(fileName, { ...file, by });
      return fileName;
    },
    field: noField(PAST_ADVICE),
  });
  return Array.from(uploads, ([key, upload]) => ({ ...upload, bytes: files.get(key) ?? new Uint8Array() }));
}

function named(name: string): { readonly version: number; readonly role: string } | undefined {
  const { version, role } = VERSIONED.exec(name)?.groups ?? {};
  return role === undefined ? undefined : { version: Number(version), role };
}

function noField(advice: string): (name: string) => never {
  return (name) => {
    throw badUpload(`there is no field ${quote(name)}`, advice);
  };
}
