import { join } from 'node:path';
import ts from 'typescript';
import { top } from '../architecture/tree.ts';
import { type Snippet, titleOf } from './snippets.ts';

const CONFIG = join(top, 'test', 'tsconfig.json');

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(CONFIG, (path) => ts.sys.readFile(path));
  return ts.parseJsonConfigFileContent(config, ts.sys, join(top, 'test')).options;
}

/** The host of the real tree, with each snippet as one more file in it. */
function hostWith(virtual: ReadonlyMap<string, Snippet>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  const exists = host.fileExists.bind(host);
  host.readFile = (path) => virtual.get(path)?.code ?? read(path);
  host.fileExists = (path) => virtual.has(path) || exists(path);
  const parsed = host.getSourceFile.bind(host);
  host.getSourceFile = (path, version) => {
    const snippet = virtual.get(path);
    // What a reader pastes into a file of its own is a module.
    return snippet ? ts.createSourceFile(path, `${snippet.code}\nexport {};`, version) : parsed(path, version);
  };
  return host;
}

/** What the compiler says about all snippets, in one program over the sources of the packages. */
export function compile(snippets: readonly Snippet[]): string[] {
  const virtual = new Map(
    snippets.map((snippet, index) => [join(top, 'test', 'readme', `snippet-${index}.ts`), snippet]),
  );
  const options = compilerOptions();
  const program = ts.createProgram([...virtual.keys()], options, hostWith(virtual, options));
  return [...virtual].flatMap(([path, snippet]) => {
    const source = program.getSourceFile(path);
    return ts.getPreEmitDiagnostics(program, source).map(({ messageText, start = 0 }) => {
      const line = snippet.line + (source?.getLineAndCharacterOfPosition(start).line ?? 0);
      return `${titleOf({ ...snippet, line })} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}
