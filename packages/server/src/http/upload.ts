import type { IncomingMessage } from 'node:http';
import type { PublishRequest } from '../collection/service.js';
import type { Share } from './budget.js';
import { badUpload, quote, readForm } from './form.js';
import type { HttpLimits } from './limits.js';

/** A publish as its form says it, before anything in it is believed. */
export type Upload = Omit<PublishRequest, 'gun'>;

const ADVICE = 'Send the form again, each metadata file as a part named "files".';

/**
 * Reads the form of a publish: any number of file parts named `files`, whose file name is the role (slashes and all, one
 * trailing `.json` dropped), and the plain fields `targets` (`hosted` or `anywhere`, the default) and `abandon` (a role;
 * repeatable).
 * @throws CountersignError as `readForm`
 */
export async function readUpload(request: IncomingMessage, limits: HttpLimits, share: Share): Promise<Upload> {
  const abandons: string[] = [];
  let targets: Upload['targets'] | undefined;
  const files = await readForm(request, limits, share, {
    advice: ADVICE,
    file(name, role) {
      if (name !== 'files') throw badUpload(`there is no file part ${quote(name)}, only "files"`, ADVICE);
      if (role === '') throw badUpload('a part has no file name, and so no role', ADVICE);
      return role;
    },
    field(name, value) {
      if (name === 'abandon') abandons.push(value);
      else if (name !== 'targets')
        throw badUpload(`there is no field ${quote(name)}, only "targets" and "abandon"`, ADVICE);
      else if (targets !== undefined) throw badUpload('the field "targets" is there twice', ADVICE);
      else if (value === 'hosted' || value === 'anywhere') targets = value;
      else throw badUpload('the field "targets" is "hosted" or "anywhere"', ADVICE);
    },
  });
  return {
    files: Array.from(files, ([role, bytes]) => ({ role, bytes })),
    targets: targets ?? 'anywhere',
    abandons,
  };
}
