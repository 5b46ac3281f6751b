// Changefeeds of other servers that were copied into `changes`, and how far.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await knex.schema.createTable('copied_changefeeds', (table) => {
    table.text('feed').primary(); // SHA-256 of its first line
    table.bigInteger('last').notNullable(); // the other server's id
    table.integer('keeps').notNullable(); // 1 while lines keep the numbers they had there
  });
}

export async function down() {
  throw new Error('migrations go forward only');
}
