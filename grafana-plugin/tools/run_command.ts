import { CandlewireError } from "../../runtime/error.ts";

/** Where and how a command runs. */
export type CommandOptions = { cwd: string; env?: Record<string, string>; quiet?: boolean };

/**
 * Runs a command to its end with its output on ours, or, when `quiet`, shown only if it fails. Rejects with
 * `plugin.command_failed` when it cannot be started or ends with another code than 0.
 */
export async function runCommand(command: string, args: string[], options: CommandOptions): Promise<void> {
  const what = [command, ...args].join(" ");
  const { cwd, env, quiet = false } = options;
  let output: Deno.CommandOutput | undefined;
  let code: number;
  try {
    const made = new Deno.Command(command, {
      args,
      cwd,
      env,
      stdin: "null",
      stdout: quiet ? "piped" : "inherit",
      stderr: quiet ? "piped" : "inherit",
    });
    if (quiet) code = (output = await made.output()).code;
    else code = (await made.spawn().status).code;
  } catch (cause) {
    throw new CandlewireError("plugin.command_failed", `Start ${command}: it is not there`, {
      cause,
      hint: command === "npm" ? "Install Node 20 or newer; it brings npm" : undefined,
    });
  }
  if (code === 0) return;
  if (output !== undefined) {
    await Deno.stderr.write(output.stdout);
    await Deno.stderr.write(output.stderr);
  }
  throw new CandlewireError("plugin.command_failed", `Run ${what}: it ended with ${code}`, {
    hint: "Its own output above says why",
  });
}
