import type { BundledDashboard } from "./catalogue.ts";

/** The app's description of itself. */
export const PLUGIN_JSON = new URL("../src/plugin.json", import.meta.url);

/** One line of `includes`. */
type Include = { type: string; [member: string]: unknown };

/** The dashboards' lines; paths are relative to the built plugin. The first ones are put into the app's menu. */
export function dashboardIncludes(made: BundledDashboard[]): Include[] {
  return made.map(({ file, way, dashboard }) => ({
    type: "dashboard",
    name: dashboard.title,
    path: `dashboards/${file}`,
    ...(way.key === "" ? { addToNav: true, uid: dashboard.uid } : {}),
  }));
}

/** plugin.json with these dashboards in the place of those it had; everything else stays, byte by byte. */
export function pluginWith(made: BundledDashboard[], text: string): string {
  const before = (JSON.parse(text) as { includes: Include[] }).includes;
  const lines = [...before.filter(({ type }) => type !== "dashboard"), ...dashboardIncludes(made)].map(line);
  return text.replace(
    /^( {2}"includes": \[\n)[\s\S]*?(^ {2}\])/m,
    (_, open, close) => `${open}${lines.join(",\n")}\n${close}`,
  );
}

/** An include as the file writes it: on one line where it fits into the formatter's width. */
function line(include: Include): string {
  const members = Object.entries(include).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`);
  const short = `    { ${members.join(", ")} }`;
  return short.length <= 80
    ? short
    : `    {\n${members.map((member) => `      ${member}`).join(",\n")}\n    }`;
}
