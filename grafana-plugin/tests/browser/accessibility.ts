import { join } from "node:path";
import type { Page } from "playwright-core";
import { PLUGIN_FOLDER } from "../../tools/paths.ts";

type AxeResult = {
  violations: {
    id: string;
    impact: string;
    help: string;
    nodes: { target: string[]; failureSummary: string }[];
  }[];
};

/** Serious and critical problems that axe-core finds in what the plugin shows; the mini host's own frame is left out. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // What is under the pointer has its own, passing colors.
  await page.mouse.move(0, 0);
  await page.addScriptTag({ path: join(PLUGIN_FOLDER, "node_modules", "axe-core", "axe.min.js") });
  const { violations } = await page.evaluate(
    `axe.run(document.querySelector("main"), { resultTypes: ["violations"] })`,
  ) as AxeResult;
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map(({ target, failureSummary }) =>
        `${id}: ${help}: ${target.join(" ")} ${failureSummary.replaceAll("\n", " ")}`
      )
    );
}
