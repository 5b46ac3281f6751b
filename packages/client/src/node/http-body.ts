import type { IncomingMessage } from 'node:http';
import type { BodyReader, FetchResponse } from '../http/fetch.js';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';

/** The body of an answer, read as fast as it is asked for. Unread it would keep its connection: read it, or cancel. */
export function bodyOf(response: IncomingMessage, host: string): NonNullable<FetchResponse['body']> {
  return { getReader: () => new MessageReader(response, host) };
}

class MessageReader implements BodyReader {
  readonly #response: IncomingMessage;
  readonly #chunks: AsyncIterator<Buffer, undefined>;
  readonly #host: string;

  constructor(response: IncomingMessage, host: string) {
    this.#response = response;
    this.#chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    this.#host = host;
  }

  async read(): ReturnType<BodyReader['read']> {
    this.#checkEncoding();
    const { done = false, value } = await this.#next();
    // Not as Node's own class, whose `slice` does not copy.
    return value === undefined
      ? { done }
      : { done, value: new Uint8Array(value.buffer, value.byteOffset, value.length) };
  }

  cancel(): Promise<void> {
    this.#response.destroy();
    return Promise.resolve();
  }

  async #next(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      throw errorCode(error) === 'ECONNRESET' ? new Error('the connection broke off', { cause: error }) : error;
    }
  }

  /** Limits are of decoded bytes (W0.5), and no encoding was asked for. */
  #checkEncoding(): void {
    const encoding = this.#response.headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (encoding === 'identity') return;
    throw new CountersignError(
      'network',
      `${this.#host} sends what was not asked for: content encoded as ${encoding}`,
      {
        detail: { host: this.#host },
        next: 'Tell whoever runs the server, or the proxy in front of it, to send files as they are.',
      },
    );
  }
}
