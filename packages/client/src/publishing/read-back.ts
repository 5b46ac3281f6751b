import type { Draft } from './draft.js';
import { findRole } from './role-search.js';
import type { TrustedState } from '../reading/state.js';
import { equalBytes } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { ROOT, SNAPSHOT, type RoleName } from '../tuf/names.js';

/**
 * Returns if what was sent is what `read` shows of each role, or what it shows is newer. `versions`: of what was sent.
 * @throws CountersignError `network` where it is not, else what `read` throws, which then says that the rest went well
 */
export async function checkPublished(
  draft: Draft,
  versions: Readonly<Record<string, number>>,
  read: () => Promise<TrustedState>,
): Promise<void> {
  const state = await read().catch((error: unknown) => {
    throw error instanceof CountersignError ? unread(error) : error;
  });
  for (const [role, raw] of draft) {
    const [sent = 0, shown] = [versions[role], await shownOf(state, role)];
    const other = shown.version === sent && (shown.raw === undefined || !equalBytes(shown.raw, raw));
    if (shown.version < sent || other) throw notPublished(role, sent, shown.version);
  }
}

interface Shown {
  /** 0 where the server shows none. */
  readonly version: number;
  /** Undefined where nothing of it can be trusted. */
  readonly raw: Uint8Array | undefined;
}

async function shownOf(state: TrustedState, role: RoleName): Promise<Shown> {
  const { final, snapshot } = state.trust;
  if (role === ROOT) return { version: final.root.signed.version, raw: final.root.raw };
  if (role === SNAPSHOT) {
    const raw = 'raw' in snapshot.snapshot ? snapshot.snapshot.raw : undefined;
    return { version: snapshot.signed.version, raw };
  }
  const { above, current } = await findRole(state, role);
  return { version: above, raw: current?.raw };
}

function unread(cause: CountersignError): CountersignError {
  const { code, message, detail, next } = cause;
  return new CountersignError(code, `the answer was that it is published, but it could not be read back: ${message}`, {
    cause,
    detail,
    ...(next === undefined ? {} : { next }),
  });
}

function notPublished(role: RoleName, sent: number, shown: number): CountersignError {
  const instead = shown === sent ? `another version ${shown}, which somebody else has published` : `version ${shown}`;
  return new CountersignError(
    'network',
    `the answer was that ${role} version ${sent} is published, and the server shows ${instead}`,
    {
      detail: { role, version: sent, current: shown },
      next: "Check the server's address, and whether this network asks you to log in first; then publish again.",
    },
  );
}
