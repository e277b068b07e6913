import { seconds } from './time.mjs';

export const sumOf = (results) => ({
  passed: results.reduce((sum, { passed }) => sum + passed, 0),
  failed: results.reduce((sum, { failed }) => sum + failed, 0),
  skipped: results.reduce((sum, { skipped }) => sum + skipped, 0),
});

export const countsLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

const row = (cells) => cells.map((cell, index) => (index === 0 ? cell.padEnd(10) : cell.padStart(9))).join('');

/** A line per stage. */
export function table(results) {
  const rows = results.map(({ name, tookMs, passed, failed, skipped, note }) => {
    const counts = [passed, failed, skipped].map(String);
    return row([name, seconds(tookMs), ...counts]) + (note === undefined ? '' : `  ${note}`);
  });
  return [row(['stage', 'took', 'passed', 'failed', 'skipped']), ...rows].join('\n');
}

/** In CI a gap is a failure: what was skipped there counts as failed. */
export const withoutGaps = (result) =>
  result.skipped === 0
    ? result
    : {
        ...result,
        failed: result.failed + result.skipped,
        skipped: 0,
        note: 'CI skips nothing: skipped counts as failed',
      };
