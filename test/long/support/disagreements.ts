import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { canonical } from '../../simulator/documents.js';
import { listedAs, newKey, relabelled, sha256, type SimKey } from '../../simulator/keys.js';
import { resigned } from '../../simulator/hostile.js';
import { written, type Json } from '../../simulator/mutations.js';
import type { RepositorySimulator } from '../../simulator/repository.js';

/** Something that tuf-js 5 and this client do not read alike, and why this client reads it as it does. */
export interface Disagreement {
  readonly reason: string;
  /** Makes it so, in a repository that lists `file` with the content `top`; the path to ask for, `file` unless said. */
  readonly show: (sim: RepositorySimulator) => unknown;
  /** Where it shows only to clients that have been here before: what happens between two runs. */
  readonly then?: (sim: RepositorySimulator) => void;
  /** What each says: `refused`, `nothing`, or the content it finds. */
  readonly ours: string;
  readonly stock: string;
  /** Changes of one field that come to the same, as `role: path, how`. */
  readonly like?: RegExp;
}

const edit = (sim: RepositorySimulator, change: (signed: Record<string, unknown>) => void, role = 'targets'): void =>
  resigned(sim, sim.nameOf(role), sim.signers.get(role)!, change);
const put = (sim: RepositorySimulator, role: string, change: (text: string) => string): void =>
  void sim.files.set(sim.nameOf(role), Buffer.from(change(Buffer.from(sim.file(sim.nameOf(role))).toString())));

/** Delegates to `helper` by `pattern`, and lists there. */
function byPattern(sim: RepositorySimulator, pattern: string, path: string): string {
  sim.delegate('targets', 'helper', { paths: [pattern] });
  sim.addTarget(path, 'helper', 'helper');
  sim.publish('targets', 'helper');
  return path;
}

function withKeys(sim: RepositorySimulator, keys: SimKey[], threshold = 1): void {
  sim.setKeys('targets', keys, threshold);
  sim.publishRoot();
  sim.publish('targets');
}

function ecKey(curve: 'P-384' | 'P-521', scheme: string, hash: string): SimKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const json = {
    keytype: 'ecdsa',
    scheme,
    keyval: { public: publicKey.export({ format: 'pem', type: 'spki' }).toString() },
  };
  return {
    id: sha256(canonical(json)),
    json,
    sign: (text) => sign(hash, Buffer.from(text), privateKey).toString('hex'),
  };
}

export const DISAGREEMENTS: Readonly<Record<string, Disagreement>> = {
  'an expiry that is no date': {
    reason: 'tuf-js compares with an invalid Date, which is never earlier: such a file never expires (§4.2.3).',
    show: (sim) => edit(sim, (signed) => (signed['expires'] = 'never')),
    ours: 'refused',
    stock: 'top',
    like: /signed\.expires, (?:empty|with x behind|its first character changed)/u,
  },
  'a date that is not spelt as one': {
    reason: 'tuf-js takes whatever Date reads; which year "40" is, no two readers need agree on.',
    show: (sim) => edit(sim, (signed) => (signed['expires'] = 'Jan 1 2040')),
    ours: 'refused',
    stock: 'top',
  },
  'a root without consistent_snapshot': {
    reason: 'The member is optional and its absence means false (§4.3); tuf-js refuses the root.',
    show: (sim) => {
      sim.root.consistent_snapshot = false;
      sim.publish('targets');
      delete (sim.root as Partial<typeof sim.root>).consistent_snapshot;
      sim.publishRoot();
    },
    ours: 'top',
    stock: 'refused',
  },
  'a version below 1': {
    reason: 'Versions are integers above 0 (§4.3); tuf-js takes any number.',
    show: (sim) => edit(sim, (signed) => (signed['version'] = 0), 'timestamp'),
    ours: 'refused',
    stock: 'top',
    like: /timestamp: signed\.version, (?:0|-1|one less|a fraction|2\^53)/u,
  },
  'a member twice': {
    reason: 'Readers differ in which of the two counts, and so in what was signed; this client refuses the file.',
    show: (sim) => put(sim, 'targets', (text) => written(JSON.parse(text) as Json, ['signed', 'version'])),
    ours: 'refused',
    stock: 'top',
    like: /, twice(?:, signed again)?$/u,
  },
  'roles with names like numbers': {
    reason:
      'Delegations keep the order of the document (§5.6.7); tuf-js puts numbers first, and then misses the signature.',
    show(sim) {
      for (const name of ['10', '2']) {
        sim.delegate('targets', name);
        sim.addTarget('shared', `of ${name}`, name);
      }
      sim.publish('targets', '10', '2');
      return 'shared';
    },
    ours: 'of 10',
    stock: 'refused',
  },
  'a pattern that begins with an exclamation mark': {
    reason: 'Patterns are those of fnmatch, where it is a character; to tuf-js it means every path but this one.',
    show: (sim) => byPattern(sim, '!a.txt', 'b.txt'),
    ours: 'nothing',
    stock: 'helper',
  },
  'a wildcard before a dot': {
    reason: 'In fnmatch `*` stands for a leading dot as well; in tuf-js it does not.',
    show: (sim) => byPattern(sim, '*', '.npmrc'),
    ours: 'helper',
    stock: 'nothing',
  },
  'braces in a pattern': {
    reason: 'fnmatch has no braces; tuf-js expands them.',
    show: (sim) => byPattern(sim, '{a,b}.txt', 'b.txt'),
    ours: 'nothing',
    stock: 'helper',
  },
  'one key under two ids': {
    reason: 'A threshold counts keys (TAP 12); tuf-js counts ids.',
    show(sim) {
      const key = newKey();
      withKeys(sim, [key, relabelled(key)], 2);
    },
    ours: 'refused',
    stock: 'top',
  },
  'a key that holds something beside texts': {
    reason: 'A key of a kind nobody knows yet must not lock clients out of a root; tuf-js refuses the whole root.',
    show(sim) {
      const odd = listedAs(newKey(), { keytype: 'new', keyval: { public: { shares: 2 } } });
      withKeys(sim, [newKey(), odd]);
    },
    ours: 'top',
    stock: 'refused',
    like: /keyval(?:\.public)?, (?:null|of another type|with a member more)/u,
  },
  'a key on P-521': {
    reason: 'securesystemslib signs with it; tuf-js has no such scheme.',
    show: (sim) => withKeys(sim, [ecKey('P-521', 'ecdsa-sha2-nistp521', 'sha512')]),
    ours: 'top',
    stock: 'refused',
  },
  'a key on P-384': {
    reason: 'The scheme names SHA-384; tuf-js hashes with SHA-256 whatever the scheme.',
    show: (sim) => withKeys(sim, [ecKey('P-384', 'ecdsa-sha2-nistp384', 'sha384')]),
    ours: 'top',
    stock: 'refused',
  },
  'a signature with something behind it': {
    reason: 'A signature is hexadecimal to its end; tuf-js stops at the first other character.',
    show: (sim) => put(sim, 'targets', (text) => text.replace(/"sig": "(\w+)"/u, '"sig": "$1zz"')),
    ours: 'refused',
    stock: 'top',
    like: /signatures\[\]\.sig, with x behind/u,
  },
  'a signature of nobody': {
    reason: 'An empty key id is no id, and the file not what the specification describes; tuf-js passes it over.',
    show: (sim) =>
      put(sim, 'targets', (text) => text.replace('"signatures": [', '"signatures": [{"keyid":"","sig":""},')),
    ours: 'refused',
    stock: 'top',
    like: /signatures\[\]\.keyid, empty$/u,
  },
  'a saved role whose name is quoted': {
    reason: 'tuf-js saves it under its quoted name and looks for it under the plain one: it asks anew for what it has.',
    show(sim) {
      sim.root.consistent_snapshot = false;
      sim.publishRoot();
      sim.delegate('targets', 'team/a');
      sim.addTarget('theirs', 'of team/a', 'team/a');
      sim.publish('targets', 'team/a');
      return 'theirs';
    },
    then(sim) {
      const timestamp = sim.file('timestamp.json');
      sim.publish('team/a');
      sim.files.set('timestamp.json', timestamp);
    },
    ours: 'of team/a',
    stock: 'refused',
    like: /^timestamp: older$/u,
  },
  'a target without a hash, or with one that is none': {
    reason: 'There is nothing to hold its bytes against; tuf-js finds the target all the same.',
    show(sim) {
      sim.targets.targets['file']!.hashes = {};
      sim.publish('targets');
    },
    ours: 'refused',
    stock: 'something that is no target',
    like: /\.hashes(?:\.sha\d+)?, (?:empty|of another type|with x behind)/u,
  },
  'a hash in capitals': {
    reason: 'Hexadecimal has no case here; tuf-js compares texts.',
    show(sim) {
      sim.describe = 'length-and-hashes';
      sim.publish('targets');
      const { hashes } = sim.snapshot.meta['targets.json']!;
      hashes!['sha256'] = hashes!['sha256']!.toUpperCase();
      sim.publishSnapshot();
    },
    ours: 'top',
    stock: 'refused',
  },
  'metadata named by a weak hash': {
    reason: 'An algorithm that a client does not hold for sound is a mismatch; tuf-js takes all that OpenSSL has.',
    show(sim) {
      sim.snapshot.meta['targets.json']!.hashes = { ripemd160: ripemd160(sim.file(sim.nameOf('targets'))) };
      sim.publishSnapshot();
    },
    ours: 'refused',
    stock: 'top',
  },
  'an integer that no number holds': {
    reason: 'Unknown members are part of what is signed, digit for digit; tuf-js rounds them.',
    show(sim) {
      const [key] = sim.signers.get('targets')!;
      const marker = 1234509876;
      const signed = { ...sim.targets, 'x-big': marker };
      const big = '12345678901234567890123';
      const sig = key!.sign(canonical(signed).replace(String(marker), big));
      const text = JSON.stringify({ signatures: [{ keyid: key!.id, sig }], signed });
      put(sim, 'targets', () => text.replace(String(marker), big));
    },
    ours: 'top',
    stock: 'refused',
    like: /2\^53/u,
  },
  'members that have another order by UTF-16 unit': {
    reason: 'Canonical JSON sorts by code point; tuf-js sorts as JavaScript does.',
    show: (sim) => edit(sim, (signed) => Object.assign(signed, { '\u{1f600}': 1, '\uff5e': 2 })),
    ours: 'top',
    stock: 'refused',
  },
  'a delegation that names no paths': {
    reason: 'Exactly one of paths and path_hash_prefixes must be there (§4.5); to tuf-js neither means no path.',
    show: (sim) => {
      sim.delegate('targets', 'helper');
      delete sim.targets.delegations!.roles![0]!.paths;
      sim.publish('targets', 'helper');
    },
    ours: 'refused',
    stock: 'top',
    like: /roles\[\]\.(?:paths|path_hash_prefixes), removed/u,
  },
  'a spec_version that is no version': {
    reason: 'It is 1.x or 1.x.y, in digits; tuf-js takes whatever Number reads.',
    show: (sim) => edit(sim, (signed) => (signed['spec_version'] = '1.')),
    ours: 'refused',
    stock: 'top',
  },
  'a role that one parent vouches for and another does not': {
    reason:
      'A role reached through two parents is verified against each; tuf-js goes by the first that it came through.',
    show(sim) {
      sim.delegate('targets', 'A', { paths: ['none'] });
      sim.delegate('targets', 'B', { paths: ['shared'] });
      sim.delegate('B', 'both', { paths: ['shared'] }, newKey());
      sim.delegate('A', 'both', { paths: ['none'] });
      sim.addTarget('shared', 'of both', 'both');
      sim.publish('targets', 'A', 'B', 'both');
      return 'none shared';
    },
    ours: 'refused',
    stock: 'of both',
  },
  'a target called constructor': {
    reason: 'It is a name like any other; tuf-js finds what every object has.',
    show: () => 'constructor',
    ours: 'nothing',
    stock: 'something that is no target',
  },
};

function ripemd160(raw: Uint8Array): string {
  return createHash('ripemd160').update(raw).digest('hex');
}
