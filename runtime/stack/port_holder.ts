/** A port that nothing listens on, below the range from which the system takes the ports of outgoing connections. */
export function freeStackPort(hosts: readonly string[] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]): number {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    // Systems other than Linux have 127.0.0.1 only.
    if (hosts.every((host) => addressState(host, port) !== "taken")) return port;
  }
}

/** Whether a server could listen there: `absent` when this machine has no such address. */
export function addressState(host: string, port: number): "free" | "taken" | "absent" {
  try {
    Deno.listen({ hostname: host, port }).close();
    return "free";
  } catch (error) {
    if (error instanceof Deno.errors.AddrNotAvailable) return "absent";
    return "taken";
  }
}

/** Who listens there: `process 4711 (java -Xmx…)`; undefined where the system does not say (another user's, or no /proc). */
export function portHolder(host: string, port: number): string | undefined {
  const sockets = listeningSockets(host, port);
  if (sockets.size === 0) return undefined;
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        for (const { name: fd } of Deno.readDirSync(`/proc/${name}/fd`)) {
          if (!sockets.has(Deno.readLinkSync(`/proc/${name}/fd/${fd}`))) continue;
          const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
          return `process ${name} (${
            command.length > 80 ? `${command.slice(0, 40)} … ${command.slice(-40)}` : command
          })`;
        }
      } catch {
        // Gone meanwhile, or not ours to look at.
      }
    }
  } catch {
    // No /proc.
  }
  return undefined;
}

/** Sockets (`socket:[inode]`) that listen on the address or on all addresses; from /proc/net/tcp (proc(5)). */
function listeningSockets(host: string, port: number): Set<string> {
  const found = new Set<string>();
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const hex = host.split(".").reverse().map((part) =>
    Number(part).toString(16).toUpperCase().padStart(2, "0")
  ).join("");
  const hosts = [hex, "00000000", "0".repeat(32), `0000000000000000FFFF0000${hex}`];
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    try {
      for (const line of Deno.readTextFileSync(file).split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/);
        const listens = fields[3] === "0A";
        if (listens && hosts.some((one) => fields[1] === `${one}:${hexPort}`)) {
          found.add(`socket:[${fields[9]}]`);
        }
      }
    } catch {
      // No such table.
    }
  }
  return found;
}
