/**
 * The colors of the style sheet, for charts that draw on a canvas and so cannot read them themselves.
 * @returns {Record<"text" | "muted" | "line" | "surface" | "up" | "down" | "accent", string>}
 */
export function chartColors() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read("text"),
    muted: read("muted"),
    line: read("line"),
    surface: read("surface"),
    up: read("up"),
    down: read("down"),
    accent: read("accent"),
  };
}

/**
 * Calls back when the reader's system switches between light and dark.
 * @param {() => void} listener
 * @returns {() => void} stops listening
 */
export function onThemeChange(listener) {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
