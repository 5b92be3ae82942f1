// deno-lint-ignore no-control-regex -- these are the characters that JSON escapes
const ESCAPED = /[\u0000-\u001f"\\]/;

/** A JSON string. Most values need no escape, and a test costs less than `JSON.stringify`. */
export function jsonText(text: string): string {
  return text.length < 128 && !ESCAPED.test(text) ? `"${text}"` : JSON.stringify(text);
}
