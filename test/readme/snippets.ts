export interface Snippet {
  readonly file: string;
  /** Where its code begins. */
  readonly line: number;
  readonly language: 'ts' | 'js';
  readonly run: boolean;
  /** Shows an interface that is not there yet: neither compiled nor run. */
  readonly draft: boolean;
  readonly code: string;
}

const LANGUAGES = new Map<string, Snippet['language']>([
  ['ts', 'ts'],
  ['typescript', 'ts'],
  ['js', 'js'],
  ['javascript', 'js'],
]);
const FENCE = /^(?<indent>\s*)```(?<language>\w*) *(?<words>[^`\n]*)\n(?<code>[\s\S]*?)^\k<indent>```\s*$/gm;

/** The blocks of TypeScript and JavaScript in a manual; the words after the language say what to do with them. */
export function snippetsOf(file: string, text: string): Snippet[] {
  return [...text.matchAll(FENCE)].flatMap(({ index, groups = {} }) => {
    const language = LANGUAGES.get(groups['language'] ?? '');
    if (language === undefined) return [];
    const words = (groups['words'] ?? '').split(/\s+/);
    const line = text.slice(0, index).split('\n').length + 1;
    return [
      { file, line, language, run: words.includes('run'), draft: words.includes('draft'), code: groups['code'] ?? '' },
    ];
  });
}

export const titleOf = ({ file, line }: Snippet): string => `${file}:${line}`;
