/** Ends a process in order, and by force when it has not ended after `patienceMs`. Resolves when it has ended; never rejects. */
export async function endProcess(child: Deno.ChildProcess, patienceMs: number): Promise<void> {
  const late = setTimeout(() => kill(child, "SIGKILL"), patienceMs);
  kill(child, "SIGTERM");
  await child.status;
  clearTimeout(late);
}

function kill(child: Deno.ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended already.
  }
}
