import busboy from 'busboy';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CountersignError } from '@countersign/client/tuf';
import { openBody } from './body.js';
import type { Share } from './budget.js';
import { GrowingBytes } from './growing-bytes.js';
import type { HttpLimits } from './limits.js';

const FIELD_BYTES = 1_024;
const FIELDS = 256;

/** What a form may hold. Both methods throw a `CountersignError` for what it may not, which ends its reading. */
export interface FormParts {
  /** What to send, one sentence, for who has sent something else. */
  readonly advice: string;
  /** A file part; answers what it is told by. Two parts of one name are refused. */
  file(name: string, fileName: string): string;
  /** A plain field. */
  field(name: string, value: string): void;
}

/**
 * Reads a form of metadata files: their contents by the names that `parts` gives them, in the order in which they came.
 *
 * What arrives is taken from `share`; the caller releases it when nothing of the upload is needed any more.
 * @throws CountersignError `unsupported` for another media type, `bad-upload`, `duplicate-role`, `too-large`, `too-many`;
 * `unavailable` where `share` has no more
 */
export async function readForm(
  request: IncomingMessage,
  limits: HttpLimits,
  share: Share,
  parts: FormParts,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const parser = formParser(request, limits, parts);
  const most = { bytes: limits.upload, idle: limits.bodyIdle, within: limits.uploadTime };
  const body = openBody(request, most, (bytes) => share.take(bytes));
  // Ends the reading early; never by destroying the parser, which inside its own callback throws where nobody can catch it.
  const form = new Form(limits, parts, (refusal) => body.destroy(refusal));
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
    throw error instanceof CountersignError ? error : badUpload('the form is broken or cut short', parts.advice, error);
  }
  return form.files();
}

function formParser(request: IncomingMessage, limits: HttpLimits, { advice }: FormParts): busboy.Busboy {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*(;|$)/iu.test(type)) {
    throw new CountersignError(
      'unsupported',
      `an upload is multipart/form-data, not ${JSON.stringify(type.slice(0, 100))}`,
      { next: advice },
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
    throw badUpload('the form has no boundary', advice, error);
  }
}

/** The parts of one form, as they arrive. */
class Form {
  readonly #limits: HttpLimits;
  readonly #parts: FormParts;
  readonly #refused: (refusal: CountersignError) => void;
  readonly #files = new Map<string, GrowingBytes>();
  #refusal: CountersignError | undefined;

  /** `refused` is told the first thing that is wrong. */
  constructor(limits: HttpLimits, parts: FormParts, refused: (refusal: CountersignError) => void) {
    this.#limits = limits;
    this.#parts = parts;
    this.#refused = refused;
  }

  file(name: string, fileName: string | undefined, bytes: Readable): void {
    // Whatever ends the form also fails its open part; the form is where it is reported.
    bytes.on('error', () => undefined);
    const role = (fileName ?? '').replace(/\.json$/u, '');
    const content = new GrowingBytes(this.#limits.part);
    bytes.on('data', (chunk: Uint8Array) => content.add(chunk));
    bytes.on('limit', () => this.refuse(partTooLarge(role, this.#limits.part)));
    this.#unlessRefused(() => {
      const key = this.#parts.file(name, role);
      if (this.#files.has(key)) throw duplicateRole(role);
      this.#files.set(key, content);
    });
  }

  field(name: string, value: string, truncated: boolean): void {
    if (truncated)
      this.refuse(badUpload(`the field ${quote(name)} is longer than ${FIELD_BYTES} bytes`, this.#parts.advice));
    else this.#unlessRefused(() => this.#parts.field(name, value));
  }

  refuse(refusal: CountersignError): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = refusal;
    this.#refused(refusal);
  }

  files(): ReadonlyMap<string, Uint8Array> {
    // Kept as well as told: the body may have ended before its last part was looked at.
    if (this.#refusal !== undefined) throw this.#refusal;
    return new Map(Array.from(this.#files, ([key, content]) => [key, content.whole()]));
  }

  #unlessRefused(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error;
      this.refuse(error);
    }
  }
}

/** A name somebody sent, fit for a message. */
export function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

export function badUpload(message: string, next: string, cause?: unknown): CountersignError {
  return new CountersignError('bad-upload', message, { cause, next });
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
