// Tells the kit how to get at the store: npx autocluster-conformance ./subject.mjs
import { backendSubject } from '@autocluster/conformance';
import pg from 'pg';
import { postgres } from './postgres.mjs';

const url = process.env.POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const pool = new pg.Pool({ connectionString: url });
// The kit restarts the server between two statements.
pool.on('error', () => undefined);
const run = async (statement, ...values) => (await pool.query(statement, values)).rows;

function operator(cluster) {
  return {
    deleteLock: (name) => run('DELETE FROM autocluster_lock WHERE cluster = $1 AND name = $2', cluster, name),
    deleteMember: (node) => run('DELETE FROM autocluster_member WHERE cluster = $1 AND node = $2', cluster, node),
    deleteRecord: () => run('UPDATE autocluster SET record = NULL WHERE name = $1', cluster),
    writeRecord: (text) =>
      run(
        'INSERT INTO autocluster (name, record) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET record = $2',
        cluster,
        text,
      ),
    writeMember: (node, text) =>
      run(`INSERT INTO autocluster_member VALUES ($1, $2, 'by hand', $3, 0, 'infinity')`, cluster, node, text),
    async inventory() {
      const members = await run('SELECT node, instance FROM autocluster_member WHERE cluster = $1', cluster);
      const locks = await run('SELECT name, token FROM autocluster_lock WHERE cluster = $1', cluster);
      return [...members, ...locks].map((row) => JSON.stringify(row));
    },
  };
}

export default backendSubject({
  name: 'postgres',
  wire: { kind: 'tcp', url },
  client: ({ cluster, url: throughProxy }) => postgres({ cluster, url: throughProxy }),
  operator,
  close: () => pool.end(),
});
