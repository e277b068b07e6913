import { expect, it } from 'vitest';
import { SharedQuestion } from '../src/shared-question.js';

function asked() {
  const signals: AbortSignal[] = [];
  const answers: ((answer: number) => void)[] = [];
  const question = new SharedQuestion<number>((signal) => {
    signals.push(signal);
    return new Promise((resolve, reject) => {
      answers.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  });
  return { question, signals, answers };
}

const live = () => new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('is put once for all who ask before it is put', async () => {
  const { question, answers } = asked();
  const both = Promise.all([question.ask(live()), question.ask(live())]);
  await turn();
  expect(answers).toHaveLength(1);
  answers[0]?.(1);
  expect(await both).toEqual([1, 1]);
});

it('is put again for who asks while it is under way: the answer must not be older than his question', async () => {
  const { question, answers } = asked();
  const first = question.ask(live());
  await turn();
  const second = question.ask(live());
  await turn();
  expect(answers).toHaveLength(2);
  answers[1]?.(2);
  answers[0]?.(1);
  expect(await Promise.all([first, second])).toEqual([1, 2]);
});

it('is put again for the others when the first who asked has given up', async () => {
  const { question, signals, answers } = asked();
  const first = new AbortController();
  const given = question.ask(first.signal);
  const kept = question.ask(live());
  await turn();
  first.abort(new Error('given up'));
  await expect(given).rejects.toThrow('given up');
  await turn();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  answers[1]?.(2);
  expect(await kept).toBe(2);
  await expect(question.ask(first.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  expect(answers).toHaveLength(2);
});

it('holds nobody who has given up, and goes on for the others', async () => {
  const { question, answers } = asked();
  const second = new AbortController();
  const kept = question.ask(live());
  const given = question.ask(second.signal);
  await turn();
  second.abort();
  await expect(given).rejects.toMatchObject({ code: 'ABORTED' });
  answers[0]?.(1);
  expect(await kept).toBe(1);
  expect(answers).toHaveLength(1);
});

it('tells everybody of a failure, and can be put again', async () => {
  let times = 0;
  const question = new SharedQuestion(async () => {
    times += 1;
    if (times === 1) throw new Error('no answer');
    return times;
  });
  const both = await Promise.allSettled([question.ask(live()), question.ask(live())]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await question.ask(live())).toBe(2);
});
