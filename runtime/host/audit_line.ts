/** An access to a permission that Deno's audit tells of, whether it was granted or not. */
export type AuditedAccess = { permission: string; value: string };

/** How every line of the audit begins. */
export const AUDIT_PREFIX = '{"v":1,';

/**
 * A line that Deno writes under DENO_AUDIT_PERMISSIONS; undefined for any other line. A connection by URL is told twice,
 * as the URL and as host and port; the URL is passed over. A module could write such lines by itself: it would count
 * violations of its own.
 */
export function parseAuditLine(line: string): AuditedAccess | "passed_over" | undefined {
  if (!line.startsWith(AUDIT_PREFIX)) return undefined;
  try {
    const { permission, value } = JSON.parse(line) as { permission?: unknown; value?: unknown };
    if (typeof permission !== "string") return undefined;
    const text = typeof value === "string" ? value.slice(0, 500) : "";
    return permission === "net" && text.includes("://")
      ? "passed_over"
      : { permission: permission.slice(0, 32), value: text };
  } catch {
    return undefined;
  }
}
