import { CountersignError } from '@countersign/client/tuf';
import { namedBefore } from './claims.js';
import type { CollectionContext } from './context.js';
import { delegationsOf } from './delegations.js';
import type { Step } from './walk.js';

/**
 * Every publish reads every role, so what all of them have together is what each costs. A publish that neither sends more
 * bytes than it replaces nor names anybody new passes whatever the total: so a lowered limit stops no repair.
 * @throws CountersignError `too-large`
 */
export async function checkTotal(context: CollectionContext, step: Step, bytes: number): Promise<void> {
  const limit = context.policy.maxMetadata;
  if (bytes <= limit || !(await grows(step))) return;
  throw new CountersignError('too-large', `the roles of the collection would have ${bytes} bytes together`, {
    detail: { limit },
    next: `This server takes at most ${limit}: remove targets or delegations, or have the limit raised.`,
  });
}

async function grows(step: Step): Promise<boolean> {
  const { targets } = step.upload;
  let more = 0;
  for (const { raw } of targets.values()) more += raw.length;
  for await (const file of step.published?.files(targets.keys()) ?? []) more -= file?.bytes.length ?? 0;
  if (more > 0) return true;
  const before = await namedBefore(step, new Set(targets.keys()));
  for (const [role, { signed }] of targets) {
    if (signed.delegations === undefined) continue;
    for (const { name } of delegationsOf(signed.delegations)) if (before.get(role)?.has(name) !== true) return true;
  }
  return false;
}
