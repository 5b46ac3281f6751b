import { once } from 'node:events';
import busboy from 'busboy';
import Koa from 'koa';
import { Client } from 'undici';

/**
 * What no publish can be faster than: the same forms, sent to a koa handler that reads them and answers, a second.
 * @param {readonly (readonly { type: string; body: Buffer }[])[]} work forms of each of the senders
 * @param {number} seconds
 */
export async function emptyUploads(work, seconds) {
  const app = new Koa();
  app.use(async (context) => {
    const parser = busboy({ headers: context.req.headers, preservePath: true });
    parser.on('file', (_name, stream) => stream.resume());
    context.req.pipe(parser);
    await once(parser, 'close');
    context.body = { gun: 'a', versions: { targets: 1 } };
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  let sent = 0;
  const end = performance.now() + seconds * 1000;
  await Promise.all(
    work.map(async (forms) => {
      const client = new Client(origin);
      for (let i = 0; performance.now() < end; i += 1) {
        const { type, body } = forms[i % forms.length];
        const answer = await client.request({ method: 'POST', path: '/', headers: { 'content-type': type }, body });
        await answer.body.text();
        sent += 1;
      }
      await client.close();
    }),
  );
  server.close();
  return sent / seconds;
}
