import type { Envelope } from '../envelope.js';
import { CountersignError } from '../errors.js';
import type { PublicKey, Root } from '../model.js';
import { ROOT } from '../names.js';
import { verifyRole } from '../verify.js';
import { checkFloor, checkFresh } from './checks.js';
import { mint, type FinalRoot, type RootTrust, type TrustContext } from './stages.js';

/**
 * The root a chain starts from (§5.2). `as`: `previous` for one that was trusted before (saved, or published here): where its
 * keys are certificates, these may have expired since. Where `believed` is given, no other key counts.
 * @throws CountersignError what parsing throws, or `threshold` if the root is not signed by its own keys
 */
export async function bootstrapRoot(
  context: TrustContext,
  raw: Uint8Array,
  as: 'new' | 'previous' = 'new',
  believed: (key: PublicKey) => boolean = () => true,
): Promise<RootTrust> {
  const root = context.format.parseRoot(raw, context.parseLimits);
  await verifyRootBy(context, root.signed, root, as, `root version ${root.signed.version} itself`, believed);
  return mint<RootTrust>({ context, root });
}

async function verifyRootBy(
  context: TrustContext,
  by: Root,
  root: Envelope<Root>,
  as: 'new' | 'previous',
  who: string,
  believed: (key: PublicKey) => boolean = () => true,
): Promise<void> {
  const counting = context.format.countingKeys(by, {
    gun: context.gun,
    now: context.now ?? context.judgeAt(ROOT),
    as: context.roots === 'past' ? 'previous' : as,
  });
  const keyIds = counting.keyIds.filter((id) => {
    const key = by.keys.get(id);
    return key !== undefined && believed(key);
  });
  await verifyRole({ ...counting, keyIds }, by.keys, root, context.crypto, who);
}

/**
 * The next root: exactly one version up, signed by a threshold of the old root's keys and of its own (§5.3.4-5.3.5). Its
 * expiry does not matter yet.
 * @throws CountersignError `threshold`, `rollback`, `mix-and-match` or what parsing throws
 */
export async function acceptRoot(trust: RootTrust, raw: Uint8Array): Promise<RootTrust> {
  const { context } = trust;
  const old = trust.root.signed;
  const root = context.format.parseRoot(raw, context.parseLimits);
  await verifyRootBy(context, old, root, 'previous', `root version ${old.version}`);
  await verifyRootBy(context, root.signed, root, 'new', `root version ${root.signed.version} itself`);
  checkFloor(ROOT, root.signed.version, old.version + 1);
  if (root.signed.version !== old.version + 1) {
    throw new CountersignError(
      'mix-and-match',
      `root version ${root.signed.version} stands where version ${old.version + 1} must`,
      {
        detail: { role: ROOT, version: root.signed.version, current: old.version },
      },
    );
  }
  return mint<RootTrust>({ context, root });
}

/** The end of the root chain (§5.3.10). @throws CountersignError `freeze` if it has expired */
export function finalRoot(trust: RootTrust): FinalRoot {
  checkFresh(ROOT, trust.root.signed, trust.context);
  return mint<FinalRoot>({
    context: trust.context,
    root: trust.root,
  });
}
