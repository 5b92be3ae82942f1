/** @typedef {{ x: number, y: number, width: number, height: number }} Box */
/** @typedef {{ boxes: Box[], wires: { path: string, tip: string }[], height: number }} FlowLayout */

const NARROWEST = 114;
const GAP = 22;
const ROW_GAP = 30;

/**
 * Places `count` stages in reading order into `width`: as many a row as fit, rows of even length, every second row from
 * right to left, so that a row's end joins the next row's start by a short drop.
 * @param {number} count
 * @param {number} width px
 * @param {number} boxHeight px
 * @returns {FlowLayout}
 */
export function flowLayout(count, width, boxHeight) {
  if (count === 0) return { boxes: [], wires: [], height: 0 };
  const fit = Math.max(1, Math.min(count, Math.floor((width + GAP) / (NARROWEST + GAP))));
  const rows = Math.ceil(count / fit);
  const perRow = Math.ceil(count / rows);
  const boxWidth = Math.max(40, (width - 2 - GAP * (perRow - 1)) / perRow);
  const boxes = Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / perRow);
    const place = index % perRow;
    const column = row % 2 === 0 ? place : perRow - 1 - place;
    return {
      x: 1 + column * (boxWidth + GAP),
      y: 1 + row * (boxHeight + ROW_GAP),
      width: boxWidth,
      height: boxHeight,
    };
  });
  const wires = boxes.slice(1).map((to, index) => {
    const from = /** @type {Box} */ (boxes[index]);
    if (from.y !== to.y) {
      const x = from.x + from.width / 2;
      return { path: `M${x} ${from.y + from.height}V${to.y - 5}`, tip: `M${x - 4} ${to.y - 7}h8l-4 6z` };
    }
    const y = from.y + from.height / 2;
    const right = to.x > from.x;
    const start = right ? from.x + from.width : from.x;
    const end = right ? to.x : to.x + to.width;
    const sign = right ? 1 : -1;
    return { path: `M${start} ${y}H${end - 5 * sign}`, tip: `M${end - 7 * sign} ${y - 4}v8l${6 * sign} -4z` };
  });
  return { boxes, wires, height: rows * boxHeight + (rows - 1) * ROW_GAP + 2 };
}
