/** Times are milliseconds since 1970, bytes are base64 text: the same on SQLite and PostgreSQL. */
export async function up(knex) {
  await knex.schema.createTable('keks', (table) => {
    table.text('alias').primary();
    table.text('salt').notNullable();
    table.text('params').notNullable();
    table.text('check').notNullable();
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('keys', (table) => {
    table.text('id').primary();
    table.text('gun').notNullable();
    table.text('role').notNullable();
    table.text('algorithm').notNullable();
    table.text('spki').notNullable();
    table.text('sealed').notNullable();
    table.text('kek').notNullable().references('alias').inTable('keks');
    table.bigInteger('created_at').notNullable();
    // 0: never used. Otherwise the highest version signed or reserved.
    table.bigInteger('highest').notNullable().defaultTo(0);
    // SHA-256 of the payload signed at exactly `highest`; null where `highest` is only reserved.
    table.text('payload');
    // JSON, role name to version: what the highest published snapshot listed.
    table.text('floor');
  });
  // the cap on unused keys counts these on every creation
  await knex.raw('CREATE INDEX keys_unused ON keys (created_at) WHERE highest = 0');
  await knex.raw('CREATE INDEX keys_by_kek ON keys (kek, id)');
}

export async function down() {
  throw new Error('migrations go forward only; restore a backup instead');
}
