/** The cookie by which go-plugin shows that it, and no person, started the process. */
const COOKIE = ["grafana_plugin_type", "datasource"] as const;
/** go-plugin's core protocol and Grafana's plugin protocol. */
const CORE_VERSION = 1;
const PLUGIN_VERSION = 2;

/** Why this process must not serve; undefined when it was started by Grafana. */
export function startProblem(env: (name: string) => string | undefined): string | undefined {
  if (env(COOKIE[0]) !== COOKIE[1]) {
    return "This is Grafana's plugin backend: Grafana starts it by itself, it is no program to run by hand";
  }
  const versions = env("PLUGIN_PROTOCOL_VERSIONS");
  if (versions !== undefined && versions !== "" && !versions.split(",").includes(String(PLUGIN_VERSION))) {
    return `Grafana speaks plugin protocols ${versions}; this backend speaks ${PLUGIN_VERSION}`;
  }
  return undefined;
}

/** The line on stdout that tells go-plugin where the plugin serves. */
export function handshakeLine(port: number): string {
  return `${CORE_VERSION}|${PLUGIN_VERSION}|tcp|127.0.0.1:${port}|grpc\n`;
}
