export interface Difference {
  /** Status, code and `detail.Name` here. */
  readonly ours: string;
  readonly why: string;
}

const NAMED = 'the client prints what is wrong with INVALID_UPDATE; with MALFORMED_JSON it prints nothing';
const UNFOUND = 'nobody could verify such a target';
const DANGLING = 'readers would be told of a file that is not there, or is another';

/** Where this server answers an upload otherwise than the Go server, and why (docs/formats/notary-1.md). */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'same again (dup versions)': {
    ours: '200',
    why: 'a publisher whose answer was lost sends the same bytes again: nothing is written and nothing is lost',
  },
  'root v3 unknown ts key': {
    ours: '400 INVALID_UPDATE ErrBadRoot',
    why: "what the Go server answers with a signer of its own; with a remote one that signer's failure leaks",
  },
  'root v3 unknown snap key, no snap': {
    ours: '400 INVALID_UPDATE ErrBadHierarchy',
    why: 'as above: the answer that is meant, and that tells the person what is missing',
  },
  'cs: no snapshot supplied': { ours: '400 INVALID_UPDATE ErrBadHierarchy', why: 'as above' },
  'cs: targets only (needs snapshot)': { ours: '400 INVALID_UPDATE ErrBadHierarchy', why: 'as above' },
  'timestamp part only': {
    ours: '400 INVALID_UPDATE ErrValidation',
    why: 'the timestamp is the server’s: whoever sends one would take the answer for its acceptance',
  },
  'keyid mismatch in root': {
    ours: '400 INVALID_UPDATE ErrBadRoot',
    why: 'the root is what is wrong, and it is said of every role, used or not',
  },
  'cs: wrong length only': { ours: '400 INVALID_UPDATE ErrBadSnapshot', why: 'clients read no more than that length' },
  'cs: root+snapshot, no targets blob': { ours: '400 INVALID_UPDATE ErrValidation', why: DANGLING },
  'cs: snapshot only v4 dangling targets hash': { ours: '400 INVALID_UPDATE ErrBadSnapshot', why: DANGLING },
  'cs: snapshot only v5 unknown hash': { ours: '400 INVALID_UPDATE ErrBadSnapshot', why: DANGLING },
  'dl: nested without parent md': {
    ours: '400 INVALID_UPDATE ErrBadTargets',
    why: 'the Go server says INVALID_UPDATE without any reason',
  },
  'version as string': { ours: '400 INVALID_UPDATE ErrBadTargets', why: NAMED },
  'version 1.0': { ours: '400 INVALID_UPDATE ErrBadTargets', why: NAMED },
  'expires bad': { ours: '400 INVALID_UPDATE ErrBadTargets', why: NAMED },
  'sig not base64': { ours: '400 INVALID_UPDATE ErrBadTargets', why: NAMED },
  'JSON array': { ours: '400 INVALID_UPDATE ErrBadTargets', why: NAMED },
  'case-insensitive Signed/Signatures': {
    ours: '400 INVALID_UPDATE ErrBadTargets',
    why: 'the Go server takes it, and serves what its clients can no longer read',
  },
  'dup role parts: bad then good': {
    ours: '400 INVALID_UPDATE ErrValidation',
    why: 'which of two files counts is nothing to guess',
  },
  'dup role parts: good then bad': { ours: '400 INVALID_UPDATE ErrValidation', why: 'as above' },
  'targets hashes bad length': { ours: '400 INVALID_UPDATE ErrBadTargets', why: UNFOUND },
  'target w/o hashes': { ours: '400 INVALID_UPDATE ErrBadTargets', why: UNFOUND },
};
