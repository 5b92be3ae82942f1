import { readProcess } from "./process_stat.ts";

/**
 * Reads `+ pid start` and `- pid` lines; at the end of its input, which comes when the host dies by whatever cause, it
 * kills what is left. `start` is the process's start time from /proc, so that a pid which was given to another process
 * meanwhile is spared; 0 where there is no /proc. It ignores the signals of a terminal, to outlive the host.
 */
const SCRIPT = `
trap '' INT TERM HUP QUIT
list=' '
while read -r op pid start; do
  case $op in
    +) list="$list$pid:$start " ;;
    -) new=' '
       for entry in $list; do [ "\${entry%%:*}" = "$pid" ] || new="$new$entry "; done
       list=$new ;;
  esac
done
for entry in $list; do
  pid=\${entry%%:*}; start=\${entry#*:}
  if [ "$start" != 0 ]; then
    read -r line 2>/dev/null < "/proc/$pid/stat" || continue
    set -- \${line##*) }
    [ "\${20}" = "$start" ] || continue
  fi
  kill -9 "$pid" 2>/dev/null
done
`;

/**
 * Sees to it that no child outlives the host, even one that spins and so never notices that its stdin closed. A small
 * `sh` process holds the list; PostgreSQL is not on it, because the next host adopts it.
 */
export class Reaper implements AsyncDisposable {
  #process: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #pids = new Map<number, string>();
  #closed = false;

  constructor() {
    this.#spawn();
  }

  /** The reaper's own pid; undefined where there is no `sh`. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Watches over a process from now on. */
  add(pid: number): void {
    const start = readProcess(pid)?.startTime ?? "0";
    this.#pids.set(pid, start);
    this.#tell(`+ ${pid} ${start}\n`);
  }

  /** The process has ended and was waited for. */
  remove(pid: number): void {
    this.#pids.delete(pid);
    this.#tell(`- ${pid}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#writer?.close().catch(() => {});
    await this.#process?.status;
  }

  #spawn(): void {
    // Elsewhere a child that spins is left to the operator; one that reads sees its stdin close.
    if (Deno.build.os === "windows") return;
    try {
      this.#process = new Deno.Command("sh", {
        args: ["-c", SCRIPT],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        clearEnv: true,
      }).spawn();
    } catch {
      return;
    }
    this.#writer = this.#process.stdin.getWriter();
    const lines = [...this.#pids].map(([pid, start]) => `+ ${pid} ${start}\n`).join("");
    if (lines !== "") this.#tell(lines);
    // Someone killed the reaper: another one takes the list over.
    void this.#process.status.then(() => {
      if (!this.#closed) this.#spawn();
    });
  }

  #tell(line: string): void {
    this.#writer?.write(new TextEncoder().encode(line)).catch(() => {});
  }
}
