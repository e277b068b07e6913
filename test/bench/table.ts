export type Row = readonly (string | number)[];

const shown = (cell: string | number): string => (typeof cell === 'number' ? String(cell) : cell);

/** Columns as wide as their widest cell, numbers to the right. */
export function table(title: string, head: readonly string[], rows: readonly Row[]): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => shown(row[column] ?? '').length)),
  );
  const line = (row: Row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === 'number' ? shown(cell).padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [title, line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), ''].join('\n');
}
