import { BRAKES, type Brake, BRAKE_NAMES, type BrakeFamily } from './brake.js';

const FAMILIES: Readonly<Record<BrakeFamily, string>> = {
  clocks: 'stops the clocks',
  plan: 'holds the plan',
  member: 'holds one member',
};

const settingOf = ({ setting }: Brake): string =>
  setting ? `${setting.option} (default ${setting.default})` : 'no setting';

/** All brakes as a table of Markdown, for the manual. */
export function brakesAsMarkdown(): string {
  const rows = BRAKE_NAMES.map((name) => {
    const brake: Brake = BRAKES[name];
    return `| \`${name}\` | ${FAMILIES[brake.family]} | ${brake.meaning} | ${settingOf(brake)} | ${brake.release} |`;
  });
  return ['| brake | what it does | when it holds | setting | what ends it |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}

/** All brakes as plain text, for `--help`. */
export function brakesAsText(): string {
  return BRAKE_NAMES.map((name) => {
    const brake: Brake = BRAKES[name];
    return `${name}: ${FAMILIES[brake.family]} when ${brake.meaning}.\n    ${settingOf(brake)}; ends with: ${brake.release}`;
  }).join('\n');
}
