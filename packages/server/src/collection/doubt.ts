import { CountersignError, type RoleName } from '@countersign/client/tuf';
import { documentOf } from './upload.js';
import type { Step } from './walk.js';

/**
 * Runs a check of an upload; where it finds too few signatures on a document that nobody could have verified as it is
 * written, the refusal says that too.
 */
export async function explainingSignatures<T>(step: Step, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    const doubt = error instanceof CountersignError ? doubtOf(step, error) : undefined;
    if (doubt === undefined || !(error instanceof CountersignError)) throw error;
    throw new CountersignError(error.code, `${error.message}: ${doubt}`, { detail: error.detail, cause: error });
  }
}

function doubtOf({ upload, format }: Step, { code, detail }: CountersignError): string | undefined {
  if (code !== 'threshold' || detail.role === undefined) return undefined;
  const document = documentOf(upload, detail.role as RoleName);
  return document && format.doubt(document);
}
