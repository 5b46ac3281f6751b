// `online_keys.pending` takes a third value: 2, forgotten. The signer is about to delete the key, and no commit can use it.

/** @param {import('knex').Knex} knex */
export async function up(knex) {
  await knex.raw('CREATE INDEX online_keys_forgotten ON online_keys (id) WHERE pending = 2');
}

export async function down() {
  throw new Error('migrations go forward only');
}
