import { svg } from "../dom.js";

/** @typedef {[price: string, quantity: string]} Level */
/** @typedef {{ price: number, total: number }} Step */

/**
 * Running totals of one side, best level first. Floats: this is a picture, the ladder beside it shows the text.
 * @param {readonly Level[]} levels
 * @returns {Step[]}
 */
export function cumulate(levels) {
  let total = 0;
  return levels.map(([price, quantity]) => {
    total += Number(quantity);
    return { price: Number(price), total };
  });
}

/**
 * Draws cumulative depth as two staircases that meet at the mid price, both over the same price distance.
 * @param {SVGSVGElement} root
 * @param {readonly Level[]} bids best first
 * @param {readonly Level[]} asks best first
 */
export function drawDepth(root, bids, asks) {
  const width = 1000;
  const height = 100;
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("preserveAspectRatio", "none");
  root.replaceChildren();
  const bidSteps = cumulate(bids);
  const askSteps = cumulate(asks);
  const bestBid = bidSteps[0]?.price;
  const bestAsk = askSteps[0]?.price;
  const mid = bestBid !== undefined && bestAsk !== undefined ? (bestBid + bestAsk) / 2 : bestBid ?? bestAsk;
  if (mid === undefined) return;
  const reach = Math.max(
    mid - (bidSteps.at(-1)?.price ?? mid),
    (askSteps.at(-1)?.price ?? mid) - mid,
    Number.EPSILON,
  );
  const most = Math.max(bidSteps.at(-1)?.total ?? 0, askSteps.at(-1)?.total ?? 0, Number.EPSILON);
  const x = (/** @type {number} */ price) => ((price - mid) / reach + 1) * (width / 2);
  const y = (/** @type {number} */ total) => height - (total / most) * (height - 4);
  const stairs = (/** @type {Step[]} */ steps, /** @type {number} */ edge) => {
    if (steps.length === 0) return "";
    let path = `M${x(/** @type {Step} */ (steps[0]).price).toFixed(1)} ${height}`;
    let previous = height;
    for (const step of steps) {
      path += `L${x(step.price).toFixed(1)} ${previous.toFixed(1)}V${y(step.total).toFixed(1)}`;
      previous = y(step.total);
    }
    return `${path}H${edge}V${height}Z`;
  };
  root.append(
    svg("path", { class: "depth-bid", d: stairs(bidSteps, 0) }),
    svg("path", { class: "depth-ask", d: stairs(askSteps, width) }),
    svg("line", { class: "depth-mid", x1: width / 2, x2: width / 2, y1: 0, y2: height }),
  );
}
