/**
 * The two paths of a sparkline within `width` × `height`: the line and the area below it. Values are floats; the scale
 * starts at 0, so that a flat rate looks flat.
 * @param {readonly number[]} values oldest first
 * @param {number} width
 * @param {number} height
 * @returns {{ line: string, area: string }}
 */
export function sparkline(values, width, height) {
  if (values.length < 2) return { line: "", area: "" };
  const top = Math.max(...values, 1e-9);
  const step = width / (values.length - 1);
  const points = values.map((value, index) =>
    `${(index * step).toFixed(1)} ${(height - 1 - (Math.max(0, value) / top) * (height - 2)).toFixed(1)}`
  );
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${width} ${height}L0 ${height}Z` };
}
