/**
 * An array's text (`{1,NULL,"a b"}`, `[0:1]={…}`) as JSON, each element by its encoder; several dimensions nest.
 * Undefined for text that is no array. `delimiter` is the element type's (`;` for box, else `,`).
 */
export function arrayText(
  text: string,
  element: (text: string) => string,
  delimiter = ",",
): string | undefined {
  let at = 0;
  if (text.startsWith("[")) {
    at = text.indexOf("=") + 1;
    if (at === 0) return undefined;
  }
  const parsed = level();
  return parsed !== undefined && at === text.length ? parsed : undefined;

  function level(): string | undefined {
    if (text[at] !== "{") return undefined;
    at++;
    if (text[at] === "}") {
      at++;
      return "[]";
    }
    let out = "[";
    for (;;) {
      const value = text[at] === "{" ? level() : text[at] === '"' ? quoted() : plain();
      if (value === undefined) return undefined;
      out += value;
      const next = text[at++];
      if (next === "}") return out + "]";
      if (next !== delimiter) return undefined;
      out += ",";
    }
  }

  function quoted(): string | undefined {
    let value = "";
    for (at++; at < text.length; at++) {
      const character = text[at];
      if (character === '"') {
        at++;
        return element(value);
      }
      if (character === "\\") at++;
      value += text[at] ?? "";
    }
    return undefined;
  }

  function plain(): string | undefined {
    const start = at;
    while (at < text.length && text[at] !== delimiter && text[at] !== "}" && text[at] !== "{") at++;
    if (at === start || at === text.length) return undefined;
    const value = text.slice(start, at);
    return value === "NULL" ? "null" : element(value);
  }
}
