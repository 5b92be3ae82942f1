/** What a JUnit report tells: test cases, steps included, and a line or some about each that did not pass. */
export type TestReport = { passed: number; failed: number; skipped: number; notes: string[] };

/** The greatest length of a reason's beginning and of its end, each: a report of CI may be cut to a few thousand characters. */
const REASON_CHARS = 500;

/** Reads what `deno test --junit-path` wrote; an empty text is a report of no test. */
export function readTestReport(xml: string): TestReport {
  const report: TestReport = { passed: 0, failed: 0, skipped: 0, notes: [] };
  for (const [, head = "", body = ""] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const name = unescaped(/name="([^"]*)"/.exec(head)?.[1] ?? "?");
    const failure = /<(?:failure|error)[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body);
    if (failure !== null || /<failure|<error/.test(body)) {
      report.failed++;
      report.notes.push([`FAILED ${name}`, ...reason(unescaped(failure?.[1] ?? ""))].join("\n"));
    } else if (body.includes("<skipped")) {
      report.skipped++;
      report.notes.push(`skipped ${name}`);
    } else report.passed++;
  }
  return report;
}

/** The lines of a failure that say something, indented: its beginning and, when it is long, its end. */
function reason(text: string): string[] {
  const lines = text.split("\n").filter((line) =>
    line.trim() !== "" && !/^\d+ test steps? failed\.$/.test(line) &&
    !/^ +at .*(ext:|node:|node_modules)/.test(line)
  );
  const whole = lines.join("\n");
  if (whole === "") return [];
  const shown = whole.length <= 2 * REASON_CHARS
    ? whole
    : `${whole.slice(0, REASON_CHARS)}\n[…]\n${whole.slice(-REASON_CHARS)}`;
  return shown.split("\n").map((line) => `    ${line}`);
}

function unescaped(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => characters[name]!);
}
