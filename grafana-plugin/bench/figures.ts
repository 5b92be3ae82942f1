import { quantile } from "../../runtime/bench/process_cost.ts";

/** A figure beside what issue 5 aims at. `value` and `aim` are of the same unit; `aim` is an upper bound. */
export type Aimed = { name: string; value: number; aim: number; unit: string };

/** Median and 99th percentile, in the numbers' own unit; of fewer than a hundred numbers the latter is the greatest. */
export function spread(numbers: readonly number[]): { p50: number; p99: number; max: number; count: number } {
  const sorted = [...numbers].sort((a, b) => a - b);
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? NaN,
    count: sorted.length,
  };
}

/** Three significant places are all that such a figure can bear. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** A table of Markdown: a title, its columns, its rows. */
export function printTable(title: string, columns: readonly string[], rows: readonly string[][]): void {
  console.log(`\n## ${title}\n`);
  console.log(`| ${columns.join(" | ")} |`);
  console.log(`|${"---|".repeat(columns.length)}`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}

/** What was aimed at and whether it was reached, missed aims first. */
export function printAims(aims: readonly Aimed[]): void {
  const reached = ({ value, aim }: Aimed) => value <= aim;
  const ordered = [...aims].sort((a, b) => Number(reached(a)) - Number(reached(b)));
  printTable(
    "Aims",
    ["figure", "measured", "aim, at most", ""],
    ordered.map((one) => [
      one.name,
      `${shown(one.value)} ${one.unit}`,
      `${one.aim} ${one.unit}`,
      reached(one) ? "reached" : "MISSED",
    ]),
  );
}
