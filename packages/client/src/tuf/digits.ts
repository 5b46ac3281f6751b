/*
 * Hexadecimal and base64 told from the bytes of their digits, without decoding anything: a large table has a digest or two
 * for each of its entries, and each is to be looked at before the first is asked for.
 */

const HEX = Uint8Array.from({ length: 256 }, (_, c) => Number(/[0-9a-f]/iu.test(String.fromCharCode(c))));

/** One or more whole bytes in hexadecimal of either case. */
export function isHexDigits(digits: Uint8Array): boolean {
  return digits.length > 0 && digits.length % 2 === 0 && areHexDigits(digits, 0, digits.length);
}

/** Whether the `length` bytes from `at` on are hexadecimal digits of either case. */
export function areHexDigits(bytes: Uint8Array, at: number, length: number): boolean {
  const end = at + length;
  let i = at;
  while (i < end && HEX[bytes[i] ?? 0] === 1) i += 1;
  return i === end;
}

/** How many bytes standard padded base64 stands for (RFC 4648 §4); undefined where it is none, or not the only spelling. */
export function base64Size(digits: Uint8Array): number | undefined {
  const { length } = digits;
  if (length % 4 !== 0) return undefined;
  if (length === 0) return 0;
  const padding = digits[length - 1] !== 0x3d ? 0 : digits[length - 2] !== 0x3d ? 1 : 2;
  let last = 0;
  for (let i = 0; i < length - padding; i += 1) {
    last = sextet(digits[i] ?? 0);
    if (last < 0) return undefined;
  }
  // The bits of the last digit that belong to no byte must be zero.
  const spare = (1 << (2 * padding)) - 1;
  return (last & spare) === 0 ? (length / 4) * 3 - padding : undefined;
}

/** The value of a base64 digit, -1 for any other character. */
function sextet(c: number): number {
  if (c >= 0x41 && c <= 0x5a) return c - 0x41;
  if (c >= 0x61 && c <= 0x7a) return c - 0x61 + 26;
  if (c >= 0x30 && c <= 0x39) return c - 0x30 + 52;
  return c === 0x2b ? 62 : c === 0x2f ? 63 : -1;
}
