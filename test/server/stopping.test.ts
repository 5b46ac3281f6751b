import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { stoppable } from '../../packages/server/src/stopping.js';

/** Longer than the test may take: what only ends with it fails. */
const AN_HOUR = 3_600_000;

async function serve(handler: RequestListener): Promise<{ stop: (grace: number) => Promise<void>; url: string }> {
  const server = createServer(handler);
  const stop = stoppable(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { stop, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function open(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

describe('a server that stops', () => {
  test('does not wait for a connection that never asked for anything', async () => {
    const { stop, url } = await serve((_request, response) => void response.end());
    const reserve = await open(url);
    await fetch(url); // the server has seen the connection before this one
    await Promise.all([stop(AN_HOUR), once(reserve, 'close')]);
  });

  test('finishes the request under way, and then does not wait for its connection', async () => {
    let release: () => void = () => undefined;
    const { stop, url } = await serve((_request, response) => {
      response.write('first half, ');
      release = () => void response.end('second half');
    });
    const answer = await fetch(url);
    const stopped = stop(AN_HOUR);
    release();
    expect(await answer.text()).toBe('first half, second half');
    await stopped;
  });

  test('cuts a request that outlasts the grace', async () => {
    const { stop, url } = await serve((_request, response) => void response.write('never ends'));
    const answer = await fetch(url);
    await stop(1);
    await expect(answer.text()).rejects.toThrow();
  });
});
