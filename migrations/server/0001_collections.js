// The metadata server's tables. Moments are milliseconds since 1970 (bigint); hashes are lower-case hex.
// Names (`gun`, `role`) are compared by bytes on both engines.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  // One row a collection, kept for good: head ids and what the row remembers outlive a deletion of its metadata.
  await knex.schema.createTable('collections', (table) => {
    table.bigIncrements('id');
    table.text('gun').notNullable().unique();
    table.text('format').notNullable();
    table.bigInteger('head_id').notNullable(); // 0: nothing is published
    table.bigInteger('renew_at').notNullable().index();
    table.bigInteger('created_at').notNullable();
  });

  await knex.schema.createTable('files', (table) => {
    table.bigIncrements('id');
    table.bigInteger('collection_id').notNullable().references('collections.id');
    table.text('role').notNullable();
    table.bigInteger('version').notNullable();
    table.text('sha256').notNullable();
    table.bigInteger('expires').notNullable();
    table.bigInteger('created_at').notNullable();
    table.binary('bytes').notNullable(); // last: SQLite reads the columns before it without walking the blob
    table.unique(['collection_id', 'role', 'version']);
    table.index(['collection_id', 'role', 'sha256']);
  });

  // The chain of states. unique (collection_id, follows) is the compare-and-swap; ids are never reused, or a commit built
  // on a head that was deleted could follow its successor by number.
  await knex.schema.createTable('heads', (table) => {
    table.bigIncrements('id');
    table.bigInteger('collection_id').notNullable().references('collections.id');
    table.bigInteger('follows').notNullable(); // 0 for the first
    table.bigInteger('root_version').notNullable();
    table.bigInteger('snapshot_version').notNullable();
    table.bigInteger('timestamp_version').notNullable();
    table.bigInteger('created_at').notNullable();
    table.unique(['collection_id', 'follows']);
  });

  // By gun, not by collection: keys and target files come before the first publish.
  await knex.schema.createTable('online_keys', (table) => {
    table.bigIncrements('id');
    table.text('gun').notNullable();
    table.text('key_id').notNullable();
    table.text('role').notNullable();
    table.text('algorithm').notNullable();
    table.binary('spki').notNullable();
    table.integer('pending').notNullable(); // 1 until a published root names the key
    table.bigInteger('created_at').notNullable();
    table.unique(['gun', 'key_id']);
    table.index(['gun', 'role']);
  });
  await knex.raw('CREATE UNIQUE INDEX online_keys_pending ON online_keys (gun, role, algorithm) WHERE pending = 1');

  // A target file that current metadata names (`uses` times) or that somebody uploaded (`blob` is set), or both.
  // `idle_since`: the last time it was uploaded, asked about, or its uses changed.
  await knex.schema.createTable('targets', (table) => {
    table.bigIncrements('id');
    table.text('gun').notNullable();
    table.text('sha256').notNullable();
    table.bigInteger('uses').notNullable();
    table.bigInteger('idle_since').notNullable();
    table.text('sha512');
    table.bigInteger('length');
    table.text('blob').unique();
    table.bigInteger('uploaded_at');
    table.unique(['gun', 'sha256']);
  });
  await knex.raw('CREATE INDEX targets_sha512 ON targets (gun, sha512) WHERE blob IS NOT NULL');
  await knex.raw('CREATE INDEX targets_unnamed ON targets (gun) WHERE uses = 0');
  await knex.raw('CREATE INDEX targets_idle ON targets (idle_since) WHERE uses = 0');

  // Bytes of target files, where they live in the database. A blob is visible once `chunks` is set.
  await knex.schema.createTable('target_blobs', (table) => {
    table.text('name').primary();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('chunks');
  });
  await knex.schema.createTable('target_chunks', (table) => {
    table.bigIncrements('id');
    table.text('blob').notNullable().references('target_blobs.name');
    table.bigInteger('seq').notNullable();
    table.binary('bytes').notNullable();
    table.unique(['blob', 'seq']);
  });

  await knex.schema.createTable('changes', (table) => {
    table.bigIncrements('id');
    table.text('gun').notNullable();
    table.bigInteger('version').notNullable(); // of the timestamp
    table.text('sha256').notNullable(); // of the timestamp
    table.text('category').notNullable();
    table.bigInteger('created_at').notNullable();
    table.index(['gun', 'id']);
  });
}

export async function down() {
  throw new Error('migrations go forward only');
}
