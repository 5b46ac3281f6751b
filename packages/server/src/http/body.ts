import type { IncomingMessage } from 'node:http';
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import { CountersignError } from '@countersign/client/tuf';

export interface BodyLimits {
  /** The largest body, in bytes. */
  readonly bytes: number;
  /** How long the client may send nothing, in milliseconds. */
  readonly idle: number;
  /** How long the whole body may take, in milliseconds. */
  readonly within: number;
}

/** Told how many bytes have just arrived; what it throws ends the body. */
export type OnReceived = (bytes: number) => void;

const nothing: OnReceived = () => undefined;

/**
 * A request's body, guarded: it fails with `too-large` over its limit (at once if `Content-Length` says so), with
 * `bad-upload` where the client stops sending, takes too long or goes away, and with what `onReceived` throws. Destroying it
 * leaves the request itself whole, so that an answer can still be sent.
 */
export function openBody(request: IncomingMessage, limits: BodyLimits, onReceived = nothing): Readable {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > limits.bytes) throw tooLarge(limits.bytes);
  let received = 0;
  const guard = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      received += chunk.length;
      idle.refresh();
      if (received > limits.bytes) done(tooLarge(limits.bytes));
      else pass(chunk, onReceived, done);
    },
    destroy(error, done) {
      clearTimeout(idle);
      clearTimeout(deadline);
      request.unpipe(guard);
      request.off('close', onClose);
      done(error);
    },
  });
  // A guard that is full waits for us, not for the client.
  const onIdle = (): void => {
    if (guard.writableNeedDrain) idle.refresh();
    else guard.destroy(stalled(limits.idle));
  };
  const onClose = (): void => {
    if (!request.complete) guard.destroy(cutShort());
  };
  const idle = setTimeout(onIdle, limits.idle);
  const deadline = setTimeout(() => guard.destroy(slow(limits.within)), limits.within);
  request.once('close', onClose);
  request.pipe(guard);
  return guard;
}

function pass(chunk: Uint8Array, onReceived: OnReceived, done: TransformCallback): void {
  try {
    onReceived(chunk.length);
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, chunk);
}

function tooLarge(limit: number): CountersignError {
  return new CountersignError('too-large', `the request body is larger than ${limit} bytes`, {
    detail: { limit },
    next: 'Send less at once, or ask whoever runs the server to raise the limit.',
  });
}

function stalled(milliseconds: number): CountersignError {
  return new CountersignError('bad-upload', `nothing was received for ${milliseconds / 1000} s`, {
    next: 'Send it again.',
  });
}

function slow(milliseconds: number): CountersignError {
  return new CountersignError('bad-upload', `the request body took longer than ${milliseconds / 1000} s`, {
    next: 'Send it again over a faster line, or less at once.',
  });
}

function cutShort(): CountersignError {
  return new CountersignError('bad-upload', 'the request body was cut short', { next: 'Send it again.' });
}
