import busboy from 'busboy';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CountersignError } from '@countersign/client/tuf';
import type { PublishRequest, UploadedFile } from '../collection/service.js';
import { openBody } from './body.js';
import type { Share } from './budget.js';
import { GrowingBytes } from './growing-bytes.js';
import type { HttpLimits } from './limits.js';

/** A publish as its form says it, before anything in it is believed. */
export type Upload = Omit<PublishRequest, 'gun'>;

const FIELD_BYTES = 1_024;
const FIELDS = 256;

/**
 * Reads the form of a publish: any number of file parts named `files`, whose file name is the role (slashes and all, one
 * trailing `.json` dropped), and the plain fields `targets` (`hosted` or `anywhere`, the default) and `abandon` (a role;
 * repeatable).
 *
 * What arrives is taken from `share`; the caller releases it when nothing of the upload is needed any more.
 * @throws CountersignError `unsupported` for another media type, `bad-upload`, `duplicate-role`, `too-large`, `too-many`;
 * `unavailable` where `share` has no more
 */
export async function readUpload(request: IncomingMessage, limits: HttpLimits, share: Share): Promise<Upload> {
  const parser = formParser(request, limits);
  const most = { bytes: limits.upload, idle: limits.bodyIdle, within: limits.uploadTime };
  const body = openBody(request, most, (bytes) => share.take(bytes));
  // Ends the reading early; never by destroying the parser, which inside its own callback throws where nobody can catch it.
  const form = new Form(limits, (refusal) => body.destroy(refusal));
  // busboy's types leave out that a part may have no name.
  parser.on('file', (name: string | undefined, bytes, { filename }) => form.file(name ?? '', filename, bytes));
  parser.on('field', (name: string | undefined, value, { valueTruncated }) =>
    form.field(name ?? '', value, valueTruncated),
  );
  parser.on('filesLimit', () => form.refuse(tooMany('metadata files', limits.parts)));
  parser.on('fieldsLimit', () => form.refuse(tooMany('fields', FIELDS)));
  try {
    await pipeline(body, parser);
  } catch (error) {
    throw error instanceof CountersignError ? error : badUpload('the form is broken or cut short', error);
  }
  return form.upload();
}

function formParser(request: IncomingMessage, limits: HttpLimits): busboy.Busboy {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*(;|$)/iu.test(type)) {
    throw new CountersignError(
      'unsupported',
      `a publish is multipart/form-data, not ${JSON.stringify(type.slice(0, 100))}`,
      {
        next: 'Send each metadata file as a part named "files".',
      },
    );
  }
  try {
    return busboy({
      headers: request.headers,
      preservePath: true,
      defParamCharset: 'utf8',
      // One more than allowed: busboy reports a limit as soon as it is reached.
      limits: { files: limits.parts, fields: FIELDS, fieldSize: FIELD_BYTES, fileSize: limits.part + 1 },
    });
  } catch (error) {
    throw badUpload('the form has no boundary', error);
  }
}

/** The parts of one form, as they arrive. */
class Form {
  readonly #limits: HttpLimits;
  readonly #refused: (refusal: CountersignError) => void;
  readonly #files = new Map<string, GrowingBytes>();
  readonly #abandons: string[] = [];
  #targets: Upload['targets'] | undefined;
  #refusal: CountersignError | undefined;

  /** `refused` is told the first thing that is wrong. */
  constructor(limits: HttpLimits, refused: (refusal: CountersignError) => void) {
    this.#limits = limits;
    this.#refused = refused;
  }

  file(name: string, fileName: string | undefined, bytes: Readable): void {
    // Whatever ends the form also fails its open part; the form is where it is reported.
    bytes.on('error', () => undefined);
    const role = (fileName ?? '').replace(/\.json$/u, '');
    const content = new GrowingBytes(this.#limits.part);
    bytes.on('data', (chunk: Uint8Array) => content.add(chunk));
    bytes.on('limit', () => this.refuse(partTooLarge(role, this.#limits.part)));
    if (name !== 'files') this.refuse(badUpload(`there is no file part ${quote(name)}, only "files"`));
    else if (role === '') this.refuse(badUpload('a part has no file name, and so no role'));
    else if (this.#files.has(role)) this.refuse(duplicateRole(role));
    else this.#files.set(role, content);
  }

  field(name: string, value: string, truncated: boolean): void {
    if (truncated) this.refuse(badUpload(`the field ${quote(name)} is longer than ${FIELD_BYTES} bytes`));
    else if (name === 'abandon') this.#abandons.push(value);
    else if (name !== 'targets')
      this.refuse(badUpload(`there is no field ${quote(name)}, only "targets" and "abandon"`));
    else if (this.#targets !== undefined) this.refuse(badUpload('the field "targets" is there twice'));
    else if (value === 'hosted' || value === 'anywhere') this.#targets = value;
    else this.refuse(badUpload('the field "targets" is "hosted" or "anywhere"'));
  }

  refuse(refusal: CountersignError): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = refusal;
    this.#refused(refusal);
  }

  upload(): Upload {
    // Kept as well as told: the body may have ended before its last part was looked at.
    if (this.#refusal !== undefined) throw this.#refusal;
    const files: UploadedFile[] = [];
    for (const [role, content] of this.#files) files.push({ role, bytes: content.whole() });
    return { files, targets: this.#targets ?? 'anywhere', abandons: this.#abandons };
  }
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

function badUpload(message: string, cause?: unknown): CountersignError {
  return new CountersignError('bad-upload', message, {
    cause,
    next: 'Send the form again, each metadata file as a part named "files".',
  });
}

function duplicateRole(role: string): CountersignError {
  return new CountersignError('duplicate-role', `${role} is in the upload twice`, {
    detail: { role },
    next: 'Send each role once.',
  });
}

function partTooLarge(role: string, limit: number): CountersignError {
  return new CountersignError('too-large', `${role} is larger than ${limit} bytes`, {
    detail: { role, limit },
    next: 'Split it by delegating parts of it to other roles.',
  });
}

function tooMany(what: string, limit: number): CountersignError {
  return new CountersignError('too-many', `the upload has more than ${limit} ${what}`, {
    detail: { limit },
    next: 'Publish in several steps.',
  });
}
