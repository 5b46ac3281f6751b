export interface Part {
  readonly name?: string;
  readonly fileName?: string;
  /** Replaces the whole Content-Disposition value. */
  readonly disposition?: string;
  readonly content: string | Buffer;
}

export interface Form {
  readonly headers: { readonly 'Content-Type': string };
  readonly body: Buffer;
}

const BOUNDARY = 'test-boundary';

/** A multipart form, byte for byte as asked for. */
export function form(...parts: readonly Part[]): Form {
  const chunks = parts.flatMap((part) => [
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: ${part.disposition ?? disposition(part)}\r\n\r\n`),
    Buffer.from(part.content),
    Buffer.from('\r\n'),
  ]);
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([...chunks, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  };
}

function disposition({ name = 'files', fileName }: Part): string {
  return `form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"`}`;
}

/** A metadata file as far as the HTTP layer cares: a version. */
export function role(name: string, version = 1, more = ''): Part {
  return { fileName: name, content: `{"signed":{"version":${version}${more}}}` };
}
