import busboy from 'busboy';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CountersignError } from '@countersign/client/tuf';
import type { PublishRequest, UploadedFile } from '../collection/service.js';
import { openBody } from './body.js';
import type { HttpLimits } from './limits.js';

/** A publish as its form says it, before anything in it is believed. */
export type Upload = Omit<PublishRequest, 'gun'>;

const FIELD_BYTES = 1_024;
const FIELDS = 256;

/**
 * Reads the form of a publish: any number of file parts named `files`, whose file name is the role (slashes and all, one
 * trailing `.json` dropped), and the plain fields `targets` (`hosted` or `anywhere`, the default) and `abandon` (a role;
 * repeatable).
 * @throws CountersignError `unsupported` for another media type, `bad-upload`, `duplicate-role`, `too-large`, `too-many`
 */
export async function readUpload(request: IncomingMessage, limits: HttpLimits): Promise<Upload> {
  const parser = formParser(request, limits);
  const form = new Form(limits);
  const refuse = (error: unknown): void => void parser.destroy(error as Error);
  // busboy's types leave out that a part may have no name.
  parser.on('file', (name: string | undefined, bytes, info) => {
    attempt(refuse, () => form.file(name ?? '', info.filename, bytes, refuse));
  });
  parser.on('field', (name: string | undefined, value, info) => {
    attempt(refuse, () => form.field(name ?? '', value, info.valueTruncated));
  });
  parser.on('filesLimit', () => refuse(tooMany('metadata files', limits.parts)));
  parser.on('fieldsLimit', () => refuse(tooMany('fields', FIELDS)));
  try {
    await pipeline(openBody(request, { bytes: limits.upload, idle: limits.bodyIdle }), parser);
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
  readonly #files = new Map<string, Uint8Array[]>();
  readonly #abandons: string[] = [];
  #targets: Upload['targets'] | undefined;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  file(name: string, fileName: string | undefined, bytes: Readable, refuse: (error: unknown) => void): void {
    // Whatever ends the form also fails its open part; the form is where it is reported.
    bytes.on('error', () => undefined);
    if (name !== 'files') throw badUpload(`there is no file part ${JSON.stringify(name.slice(0, 100))}, only "files"`);
    const role = (fileName ?? '').replace(/\.json$/u, '');
    if (role === '') throw badUpload('a part has no file name, and so no role');
    if (this.#files.has(role)) throw duplicateRole(role);
    const chunks: Uint8Array[] = [];
    this.#files.set(role, chunks);
    bytes.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    bytes.on('limit', () => refuse(partTooLarge(role, this.#limits.part)));
  }

  field(name: string, value: string, truncated: boolean): void {
    if (truncated)
      throw badUpload(`the field ${JSON.stringify(name.slice(0, 100))} is longer than ${FIELD_BYTES} bytes`);
    if (name === 'abandon') this.#abandons.push(value);
    else if (name !== 'targets')
      throw badUpload(`there is no field ${JSON.stringify(name.slice(0, 100))}, only "targets" and "abandon"`);
    else if (this.#targets !== undefined) throw badUpload('the field "targets" is there twice');
    else if (value !== 'hosted' && value !== 'anywhere')
      throw badUpload('the field "targets" is "hosted" or "anywhere"');
    else this.#targets = value;
  }

  upload(): Upload {
    if (this.#files.size === 0) throw badUpload('the form holds no metadata file');
    const files: UploadedFile[] = [];
    for (const [role, chunks] of this.#files) files.push({ role, bytes: Buffer.concat(chunks) });
    return { files, targets: this.#targets ?? 'anywhere', abandons: this.#abandons };
  }
}

function attempt(refuse: (error: unknown) => void, take: () => void): void {
  try {
    take();
  } catch (error) {
    refuse(error);
  }
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
