// When the current timestamp of a collection expires, beside the collection: the earliest of all is then one look-up.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await knex.schema.alterTable('collections', (table) => {
    table.bigInteger('timestamp_expires'); // null: nothing is published
  });
  await knex.raw(`
    UPDATE collections SET timestamp_expires = (
      SELECT f.expires FROM heads h
      JOIN files f ON f.collection_id = h.collection_id AND f.role = 'timestamp' AND f.version = h.timestamp_version
      WHERE h.id = collections.head_id)`);
  await knex.raw('CREATE INDEX collections_timestamp_expires ON collections (timestamp_expires)');
}

export async function down() {
  throw new Error('migrations go forward only');
}
