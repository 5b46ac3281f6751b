import {
  digest,
  formatNamed,
  hexEncode,
  parseKeyId,
  parseRoleName,
  whoSigned,
  type AnyDocument,
  type Crypto,
  type Envelope,
  type FormatName,
  type PublicKey,
} from '@countersign/client';

export interface KeyVector {
  readonly name: string;
  readonly key: unknown;
  readonly sig: string;
  readonly signed?: string;
}

/** What is in test/vectors: one-signature files of TUF 1.0, and all files of collections of a Notary server. */
export interface Vectors {
  readonly keys: readonly KeyVector[];
  readonly captures: readonly { readonly gun: string; readonly files: Readonly<Record<string, string>> }[];
}

/** By the vector's name, or the collection and the file: what was made of it. */
export type Judgement = Readonly<Record<string, string>>;

const SIGNED = '{"_type":"targets","expires":"2030-01-01T00:00:00Z","spec_version":"1.0.34","targets":{},"version":1}';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses, hashes, and counts signatures, in whatever runtime this is: all of them must come to the same. */
export async function judge(crypto: Crypto, { keys, captures }: Vectors): Promise<Judgement> {
  const judged: Record<string, string> = {};
  for (const vector of keys) judged[vector.name] = await outcome(() => judgeKey(crypto, vector));
  for (const { gun, files } of captures) {
    for (const [name, text] of Object.entries(files))
      judged[`${gun} ${name}`] = await outcome(() => judgeFile(crypto, files, name, text));
  }
  return judged;
}

async function outcome(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return `refused: ${String((error as { code?: unknown }).code ?? error)}`;
  }
}

async function judgeKey(crypto: Crypto, { key, sig, signed = SIGNED }: KeyVector): Promise<string> {
  const format = formatNamed('tuf-1');
  const id = parseKeyId('the key');
  const parsed: PublicKey = { ...format.parseKey(bytes(JSON.stringify(key)), crypto), id };
  const file = format.parseTargets(bytes(`{"signatures":[{"keyid":"${id}","sig":"${sig}"}],"signed":${signed}}`));
  const role = { name: parseRoleName('role'), keyIds: [id], threshold: 1 };
  const { signedBy } = await whoSigned(role, new Map([[id, parsed]]), file, crypto);
  return signedBy.length === 1 ? 'signed' : 'not signed';
}

/** Who of the first root's keys has signed the file, and what its bytes and its signed bytes hash to. */
async function judgeFile(
  crypto: Crypto,
  files: Readonly<Record<string, string>>,
  name: string,
  text: string,
): Promise<string> {
  const { signed } = formatNamed('notary-1').parseRoot(bytes(files['1.root'] ?? files['2.root'] ?? ''));
  const role = name.slice(name.indexOf('.') + 1);
  const envelope = parse('notary-1', role, bytes(text));
  const all = { name: parseRoleName(role), keyIds: [...signed.keys.keys()], threshold: 1 };
  const { signedBy } = await whoSigned(all, signed.keys, envelope, crypto);
  const hashes = [envelope.raw, envelope.signedBytes].map((part) => hexEncode(digest(crypto, 'sha512', part)));
  return `${[...signedBy].sort().join(' ')} ${hashes.join(' ')}`;
}

function parse(name: FormatName, role: string, raw: Uint8Array): Envelope<AnyDocument> {
  const format = formatNamed(name);
  switch (role) {
    case 'root':
      return format.parseRoot(raw);
    case 'timestamp':
      return format.parseTimestamp(raw);
    case 'snapshot':
      return format.parseSnapshot(raw);
    default:
      return format.parseTargets(raw);
  }
}
