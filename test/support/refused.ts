import { expect } from 'vitest';
import type { ErrorCode } from '@countersign/client/tuf';
import { statusOf, type ErrorBody } from '@countersign/client/wire';
import type { Answer, Fields, Files, Publisher } from './publisher.js';

/** That `answer` is a refusal with `code`, the status that goes with it, and at least this detail. */
export function expectCode(
  answer: Answer,
  code: ErrorCode,
  detail: NonNullable<ErrorBody['error']['detail']> = {},
): void {
  const error = Object.keys(detail).length === 0 ? { code } : { code, detail };
  expect(answer).toMatchObject({ status: statusOf(code), body: { error } });
}

/** That an upload is refused with `code`, and that nothing a client can see has changed. */
export async function expectRefused(
  publisher: Publisher,
  files: Files,
  code: ErrorCode,
  detail?: ErrorBody['error']['detail'],
  fields: Fields = {},
): Promise<void> {
  const before = await publisher.read('timestamp.json');
  expectCode(await publisher.post(files, fields), code, detail);
  expect(await publisher.read('timestamp.json')).toBe(before);
}
