import { describe, expect, it } from 'vitest';
import * as core from '@autocluster/core';
import { readTree } from './architecture/tree.ts';
import { compile } from './readme/compile.ts';
import { execute } from './readme/execute.ts';
import { type Snippet, snippetsOf, titleOf } from './readme/snippets.ts';

const MANUAL = /^(README\.md|packages\/[^/]+\/[A-Z]+\.md)$/;

const snippets = readTree()
  .filter(({ path }) => MANUAL.test(path))
  .flatMap(({ path, text }) => snippetsOf(path, text));
const real = snippets.filter(({ draft }) => !draft);

describe('the manuals', () => {
  it('compile', () => {
    expect(compile(real)).toEqual([]);
  });

  it.for(real.filter(({ run }) => run).map((snippet) => [titleOf(snippet), snippet] as const))(
    '%s runs',
    async ([, snippet]) => {
      const { code, output } = await execute(snippet);
      expect(code).toBe(0);
      // What follows a `//` after `console.log` is what it prints, and perhaps why.
      const said = [...snippet.code.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, comment = '']) => comment);
      expect(said.map((comment, index) => comment.slice(0, output[index]?.length))).toEqual(output);
    },
  );

  it('show what exists', () => {
    const drafts = snippets.filter(({ draft }) => draft).map(titleOf);
    // The one interface that may be shown before it is there.
    expect('createClusterNode' in core ? drafts : []).toEqual([]);
  });
});

const fence = '```';
const sample = (words: string, code: string): Snippet => {
  const [found] = snippetsOf(
    'README.md',
    `# x\n\n${fence}${words}\n${code}\n${fence}\n\n${fence}sh\nnpm test\n${fence}\n`,
  );
  if (found === undefined) throw new Error('no snippet');
  return found;
};

describe('a snippet', () => {
  it('is found with its place and its words', () => {
    expect(sample('ts run', 'f();')).toEqual({
      file: 'README.md',
      line: 4,
      language: 'ts',
      run: true,
      draft: false,
      code: 'f();\n',
    });
    expect(sample('js draft', 'f();')).toMatchObject({ language: 'js', run: false, draft: true });
  });

  it('that does not compile is told by its line', () => {
    const wrong = sample(
      'ts',
      "import { compareNodes } from '@autocluster/core/backend';\nconst x: string = compareNodes('a', 'b');",
    );
    expect(compile([wrong])).toEqual([expect.stringContaining("README.md:5 Type 'number' is not assignable")]);
  });

  it('that runs meets the sources of the packages', async () => {
    const code =
      "import { ERROR_CODES } from '@autocluster/core';\nconst [code]: string[] = ERROR_CODES;\nconsole.log(code);";
    expect(await execute(sample('ts run', code))).toEqual({ code: 0, output: [core.ERROR_CODES[0]] });
    expect(await execute(sample('js run', 'process.exitCode = 3'))).toMatchObject({ code: 3 });
  });
});
