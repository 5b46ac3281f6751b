import { utf8Encode } from '../tuf/encoding.js';

/** One part of a form: a file under a name, or a plain text. */
export type FormPart =
  | { readonly name: string; readonly fileName: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly text: string };

export interface Form {
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A multipart/form-data body (RFC 7578). `boundary` must not occur in any part: give a random one. */
export function multipart(parts: readonly FormPart[], boundary: string): Form {
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const file = 'fileName' in part ? `; filename="${quoted(part.fileName)}"` : '';
    const type = 'fileName' in part ? 'Content-Type: application/json\r\n' : '';
    pieces.push(
      utf8Encode(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted(part.name)}"${file}\r\n${type}\r\n`),
    );
    pieces.push('fileName' in part ? part.bytes : utf8Encode(part.text));
    pieces.push(utf8Encode('\r\n'));
  }
  pieces.push(utf8Encode(`--${boundary}--\r\n`));
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: concatenate(pieces) };
}

/** Role names hold no control characters (`parseSaneRoleName`), so only these two need care. */
function quoted(fileName: string): string {
  return fileName.replace(/["\\]/gu, '\\$&');
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
