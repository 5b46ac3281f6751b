import type { TrustedState } from '../reading/state.js';
import { formatInstant, type Instant } from '../tuf/names.js';

/** The versions of the top-level roles. */
export function versionsIn({ trust }: TrustedState): Readonly<Record<string, number>> {
  const { final, snapshot, targets } = trust;
  return {
    root: final.root.signed.version,
    timestamp: snapshot.timestamp.signed.version,
    snapshot: snapshot.signed.version,
    targets: targets.signed.version,
  };
}

/** When the first of the top-level roles expires, and the state with it. */
export function whenStateExpires({ trust }: TrustedState): { readonly moment: Instant; readonly text: string } {
  const { final, snapshot, targets } = trust;
  const roles = [final.root.signed, snapshot.timestamp.signed, snapshot.signed, targets.signed];
  const moment = roles.map(({ expires }) => expires).reduce((one, other) => (one < other ? one : other));
  return { moment, text: formatInstant(moment) };
}
