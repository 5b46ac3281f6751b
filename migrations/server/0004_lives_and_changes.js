// What a deleted collection leaves behind, and a changefeed that loses nothing.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  // The highest version each role had in the collection's earlier lives.
  await knex.schema.createTable('past_versions', (table) => {
    table.bigInteger('collection_id').notNullable().references('collections.id');
    table.text('role').notNullable();
    table.bigInteger('version').notNullable();
    table.primary(['collection_id', 'role']);
  });

  // Row ids are given out before transactions commit: who has been given change 11 would miss a 10 that commits later. So
  // the number a reader sees is given to rows that are committed, by whoever reads next.
  await knex.schema.alterTable('changes', (table) => {
    table.bigInteger('number').unique();
    table.index(['gun', 'number']);
  });
  await knex.raw('CREATE INDEX changes_unnumbered ON changes (id) WHERE number IS NULL');
  // One row: the last number given, and the lock for giving more.
  await knex.schema.createTable('change_numbers', (table) => {
    table.bigInteger('last').notNullable();
  });
  await knex('change_numbers').insert({ last: 0 });
}

export async function down() {
  throw new Error('migrations go forward only');
}
