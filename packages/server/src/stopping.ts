import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

/** Stops a server, waiting `grace` milliseconds at most for requests under way. */
export type Stop = (grace: number) => Promise<void>;

/**
 * Watches the requests and connections of `server` from now on. The function it returns stops accepting and cuts every
 * connection as soon as no request is under way: Node alone would wait for a connection that has been opened and has not
 * asked for anything yet, or not finished its handshake, as HTTP clients keep them in reserve.
 */
export function stoppable(server: Server | HttpsServer): Stop {
  const sockets = new Set<Socket>();
  let underWay = 0;
  let stopping = false;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const cutIfIdle = (): void => {
    if (stopping && underWay === 0) cut();
  };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (_request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
      cutIfIdle();
    });
  });
  return (grace) =>
    new Promise((resolve) => {
      stopping = true;
      const timer = setTimeout(cut, grace);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      cutIfIdle();
    });
}
