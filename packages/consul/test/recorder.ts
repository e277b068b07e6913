import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as send,
  type ServerResponse,
} from 'node:http';

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

export interface Recorder {
  readonly url: string;
  readonly requests: readonly Recorded[];
  /** Answers in place of the agent; undefined passes the request on. */
  answer: (recorded: Recorded) => { readonly status: number; readonly text: string } | undefined;
  /** Answers in place of the agent, which has got the request; undefined passes its own answer on. */
  answerAfter: Recorder['answer'];
  close(): Promise<void>;
}

/** An HTTP server between a client and an agent that keeps what passes. */
export async function recording(agent: string): Promise<Recorder> {
  const requests: Recorded[] = [];
  const target = new URL(agent);
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming;
    const body = await text(incoming);
    const recorded = { method, url, headers, body, atMs: performance.now() };
    requests.push(recorded);
    const reply = ({ status, text: said }: { readonly status: number; readonly text: string }) =>
      outgoing.writeHead(status, { 'content-type': 'text/plain' }).end(said);
    const own = recorder.answer(recorded);
    if (own) return void reply(own);
    const passed = send({ host: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
      const instead = recorder.answerAfter(recorded);
      if (instead) return void answer.resume().once('end', () => reply(instead));
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    outgoing.once('close', () => passed.destroy());
    passed.on('error', () => outgoing.destroy());
    passed.end(body);
  };
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const recorder: Recorder = {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer: () => undefined,
    answerAfter: () => undefined,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return recorder;
}
