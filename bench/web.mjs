import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

// node web.mjs DIRECTORY|URL DELAY: serves the files of a directory, or forwards to another server, each answer DELAY
// milliseconds late. Tells its port on standard output; GET /.counts tells requests and bytes since the last time.

const [from, delay] = process.argv.slice(2);
let counts = { requests: 0, bytes: 0 };

const answer = from.startsWith('http') ? forwarded : filed;

const server = createServer((request, response) => {
  if (request.url === '/.counts') {
    response.end(JSON.stringify(counts));
    counts = { requests: 0, bytes: 0 };
    return;
  }
  const send = async () => {
    const { status, headers, body } = await answer(request.url);
    counts.requests += 1;
    counts.bytes += body.length;
    response.writeHead(status, { ...headers, 'content-length': body.length }).end(body);
  };
  if (Number(delay) > 0) setTimeout(send, Number(delay));
  else void send();
});
// The clients under test stop the process that asks for the counts for as long as they run.
server.keepAliveTimeout = 3_600_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));

function filed(url) {
  try {
    return { status: 200, headers: {}, body: readFileSync(join(from, decodeURIComponent(url))) };
  } catch {
    return { status: 404, headers: {}, body: Buffer.alloc(0) };
  }
}

async function forwarded(url) {
  const reply = await fetch(from + url);
  const headers = Object.fromEntries(
    ['content-type', 'x-countersign-updates'].flatMap((name) => {
      const value = reply.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  return { status: reply.status, headers, body: Buffer.from(await reply.arrayBuffer()) };
}
