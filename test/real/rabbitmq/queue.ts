import { connect } from 'amqplib';
import type { RabbitNode } from './fleet.ts';

const confirmed = new Map<string, number>();

/** How many messages this process was told to be safe. */
export const confirmedMessages = (queue: string): number => confirmed.get(queue) ?? 0;

async function withConnection<T>(
  node: RabbitNode,
  work: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
) {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${node.amqpPort}`);
  connection.on('error', () => undefined);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

export function declareQuorumQueue(node: RabbitNode, queue: string): Promise<unknown> {
  return withConnection(node, async (connection) => {
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  });
}

/** Resolves when the broker has confirmed every one of them. */
export function publishConfirmed(node: RabbitNode, queue: string, count: number): Promise<void> {
  return withConnection(node, async (connection) => {
    const channel = await connection.createConfirmChannel();
    for (let sent = 0; sent < count; sent += 1) {
      channel.sendToQueue(queue, Buffer.from(String(sent)), { persistent: true });
    }
    await channel.waitForConfirms();
    confirmed.set(queue, confirmedMessages(queue) + count);
  });
}

/** Takes out every message that is there, and counts. */
export function messagesIn(node: RabbitNode, queue: string): Promise<number> {
  return withConnection(node, async (connection) => {
    const channel = await connection.createChannel();
    let found = 0;
    while (await channel.get(queue, { noAck: true })) found += 1;
    return found;
  });
}
