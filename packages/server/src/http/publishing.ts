import type { Context } from 'koa';
import { formatInstant, guessFormat, type FormatName } from '@countersign/client/tuf';
import type { PublishedBody } from '@countersign/client/wire';
import { DONE, PUBLISHED } from './answers.js';
import type { Budget } from './budget.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';
import { readUpload, type Upload } from './upload.js';

/** `/v2/<gun>/_trust/tuf/` itself: a collection as a whole is published to, and deleted. */
export function publishingRoutes(deps: HttpDeps, budget: Budget): readonly Route<CollectionCall>[] {
  const { collections } = deps;
  return [
    {
      method: 'DELETE',
      pattern: /^$/u,
      access: ['*'],
      path: '/v2/{gun}/_trust/tuf/',
      body: 'none',
      answers: DONE,
      doc: 'Deletes everything published of the collection; no error where there is nothing.',
      handle: async ({ context, gun, by }) => {
        await collections.remove(gun);
        deps.log.info({ gun, by }, 'deleted');
        answerEmpty(context);
      },
    },
    {
      method: 'POST',
      pattern: /^$/u,
      path: '/v2/{gun}/_trust/tuf/',
      access: ['push', 'pull'],
      body: 'upload',
      answers: PUBLISHED,
      doc: 'Publishes the metadata files of a multipart form, all or none.',
      handle: (call) => receive(call, deps, budget),
    },
  ];
}

async function receive(call: CollectionCall, deps: HttpDeps, budget: Budget): Promise<void> {
  await budget.within(async (share) => {
    const upload = await readUpload(call.context.req, deps.limits, share);
    call.context.state['format'] = formatSent(upload);
    await publish(call, deps, upload);
  });
}

async function publish(
  { context, gun, by }: CollectionCall,
  { collections, log }: HttpDeps,
  upload: Upload,
): Promise<void> {
  const published = await collections.publish({ gun, ...upload });
  const { format, versions, repeated } = published;
  log.info({ gun, versions, repeated, by }, 'published');
  if (format === 'notary-1') {
    answerEmpty(context);
    return;
  }
  const timestampExpires = formatInstant(published.timestampExpires);
  const body: PublishedBody = { gun, versions, timestampExpires, repeated };
  context.set('Cache-Control', 'no-store');
  context.body = body;
}

/** Success as Notary's clients know it: exactly 200, and nothing else. */
function answerEmpty(context: Context): void {
  context.set('Cache-Control', 'no-store');
  context.status = 200;
  context.body = Buffer.alloc(0);
  context.remove('Content-Type');
}

/** What the upload says of its publisher; whether anything in it may be published is not asked here. */
function formatSent({ files }: Upload): FormatName | undefined {
  const [first] = files;
  return first && guessFormat(first.bytes);
}
