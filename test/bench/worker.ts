import { createLocks } from './lock-worker.ts';
import { createFormations } from './formation-worker.ts';
import type { CommandName, Commands, Reply, Request } from './protocol.ts';
import { roundTrips } from './round-trips.ts';

type Handlers = { readonly [K in CommandName]: (ask: Commands[K]['ask']) => Promise<Commands[K]['answer']> };

const handlers: Handlers = { ...createFormations(), ...createLocks(), 'round-trips': roundTrips };

function send(reply: Reply): void {
  process.send?.(reply);
}

async function handle<K extends CommandName>({ id, command, ask }: Request<K>): Promise<void> {
  try {
    send({ id, answer: await handlers[command](ask) });
  } catch (error) {
    send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

process.on('message', (request: Request) => void handle(request));
process.on('disconnect', () => process.exit());
send({ ready: true });
