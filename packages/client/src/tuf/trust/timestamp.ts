import type { Timestamp } from '../model.js';
import { SNAPSHOT, TIMESTAMP } from '../names.js';
import type { Proposed } from '../proposal.js';
import { open, PARSE } from './by-root.js';
import { checkFloor, checkFresh } from './checks.js';
import { mint, type FinalRoot, type Prior, type TimestampTrust } from './stages.js';

/**
 * A new timestamp (§5.4). One of the same version as `floor` is discarded and the local one carried on with (W3.4).
 * @throws CountersignError `threshold`, `rollback`, `freeze` or what parsing throws
 */
export async function acceptTimestamp(
  final: FinalRoot,
  file: Uint8Array | Proposed<Timestamp>,
  floor?: Prior<Timestamp>,
): Promise<TimestampTrust> {
  const opened = await open(final, 'timestamp', file, (raw) => PARSE.timestamp(final.context, raw));
  const old = floor?.envelope.signed;
  if (old !== undefined && floor !== undefined) {
    checkFloor(TIMESTAMP, opened.signed.version, old.version);
    if (opened.signed.version === old.version) return resumeTimestamp(final, floor);
    const [before, after] = [old.snapshot, opened.signed.snapshot];
    if (before.by === 'version' && after.by === 'version')
      checkFloor(SNAPSHOT, after.version, before.version, 'the snapshot that timestamp names,');
  }
  checkFresh(TIMESTAMP, opened.signed, final.context);
  return mint<TimestampTrust>({ final, timestamp: opened.file, signed: opened.signed });
}

/** The local timestamp, still the newest. @throws CountersignError `freeze` */
function resumeTimestamp(final: FinalRoot, local: Prior<Timestamp>): TimestampTrust {
  checkFresh(TIMESTAMP, local.envelope.signed, final.context);
  return mint<TimestampTrust>({
    final,
    timestamp: local.envelope,
    signed: local.envelope.signed,
  });
}
