import { auditSigning, type AuditItem } from './audit.js';
import { failureOf, ownError } from './failures.js';
import { parseCreateKey, parseSignRequest } from './requests.js';
import type { SignerService } from './service.js';
import type { Instant } from '@countersign/client/tuf';
import type { Health, SignResponse } from './wire.js';

/** One request, read and admitted. */
export interface Exchange {
  readonly service: SignerService;
  /** The part of the path the route captured: a key id. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly now: Instant;
  readonly mostItems: number;
  /** Adds to the request's audit line. */
  readonly note: (item: AuditItem) => void;
}

export interface Answer {
  readonly status: number;
  readonly body?: object;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: RegExp;
  readonly handle: (exchange: Exchange) => Promise<Answer>;
}

/** The signer's HTTP interface, as `wire.ts` describes it. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: /^\/v1\/sign$/u, handle: sign },
  { method: 'POST', path: /^\/v1\/keys$/u, handle: createKey },
  { method: 'GET', path: /^\/v1\/keys\/([0-9a-f]{64})$/u, handle: findKey },
  { method: 'DELETE', path: /^\/v1\/keys\/([0-9a-f]{64})$/u, handle: removeKey },
  { method: 'GET', path: /^\/v1\/health$/u, handle: health },
];

async function sign({ service, body, now, mostItems, note }: Exchange): Promise<Answer> {
  const { items, published } = parseSignRequest(body, mostItems);
  const signings = await service.sign(items, now, published);
  items.forEach((item, index) => {
    const signing = signings[index];
    if (signing !== undefined) note(auditSigning(item, signing));
  });
  const results = signings.map((signing) =>
    signing.kind === 'signed'
      ? { signature: Buffer.from(signing.signature).toString('base64') }
      : { error: failureOf(signing.error) },
  );
  return { status: 200, body: { results } satisfies SignResponse };
}

async function createKey({ service, body, now, note }: Exchange): Promise<Answer> {
  const request = parseCreateKey(body);
  const { gun, role } = request;
  const info = await noting(note, { gun, role }, () => service.createKey(request, now));
  note({ gun: info.gun, role: info.role, key: info.id, outcome: 'made' });
  return { status: 200, body: info };
}

async function findKey({ service, id, note }: Exchange): Promise<Answer> {
  const info = await noting(note, { key: id }, () => service.findKey(id));
  note({ gun: info.gun, role: info.role, key: id, outcome: 'found' });
  return { status: 200, body: info };
}

async function removeKey({ service, id, note }: Exchange): Promise<Answer> {
  await noting(note, { key: id }, () => service.removeKey(id));
  note({ key: id, outcome: 'deleted' });
  return { status: 204 };
}

async function health({ service }: Exchange): Promise<Answer> {
  await service.ping();
  return { status: 200, body: { status: 'ok' } satisfies Health };
}

/** Runs `task`; if it is refused, the audit line says what about. */
async function noting<T>(
  note: Exchange['note'],
  about: Omit<AuditItem, 'outcome'>,
  task: () => Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (error) {
    note({ ...about, outcome: ownError(error).code });
    throw error;
  }
}
