/** Where the stages and their arrows go. Pure. */

export type Place = { x: number; y: number; width: number; height: number };

export type Arrow = {
  path: string;
  /** The head, a filled triangle. */
  tip: string;
  /** Where the rate stands. */
  label: { x: number; y: number; anchor: 'middle' | 'start' };
};

export type FlowPlaces = { boxes: Place[]; arrows: Arrow[]; width: number; height: number };

const NARROWEST = 128;
/** Between boxes of a row: an arrow with a rate such as `123.4k/s` above it. */
const GAP = 64;
const ROW_GAP = 34;
/** Of a box with its title, state and all four lines. */
export const BOX_HEIGHT = 128;
/** Where a box's first line stands, and how far the next is below it. */
export const FIRST_LINE = 64;
export const LINE_STEP = 17;
/** Below a box's last line. */
const BOX_END = 10;
/** Of a box with two lines: lower ones are not made, however little room there is. */
const LOWEST = FIRST_LINE + LINE_STEP + BOX_END;
const TIP = 6;

/**
 * `count` boxes in reading order into `width`: as many a row as fit, rows of even length, every second row from right to left,
 * so that a row's end meets the next row's start by a short drop. Where `room`, px, is too little for all rows, boxes are lower
 * and hold fewer lines; below two lines the picture is higher than the room.
 */
export function flowPlaces(count: number, width: number, room = Infinity): FlowPlaces {
  if (count === 0) {
    return { boxes: [], arrows: [], width, height: 0 };
  }
  const fit = Math.max(1, Math.min(count, Math.floor((width + GAP) / (NARROWEST + GAP))));
  const rows = Math.ceil(count / fit);
  const aRow = Math.ceil(count / rows);
  const boxWidth = Math.max(80, (width - 2 - GAP * (aRow - 1)) / aRow);
  const fair = Math.floor((room - 2 - ROW_GAP * (rows - 1)) / rows);
  const boxHeight = Math.max(LOWEST, Math.min(BOX_HEIGHT, fair));
  const boxes = Array.from({ length: count }, (_, index): Place => {
    const row = Math.floor(index / aRow);
    const column = row % 2 === 0 ? index % aRow : aRow - 1 - (index % aRow);
    return { x: 1 + column * (boxWidth + GAP), y: 1 + row * (boxHeight + ROW_GAP), width: boxWidth, height: boxHeight };
  });
  return {
    boxes,
    arrows: boxes.slice(1).map((to, index) => arrowBetween(boxes[index], to)),
    width,
    height: rows * boxHeight + (rows - 1) * ROW_GAP + 2,
  };
}

function arrowBetween(from: Place, to: Place): Arrow {
  if (from.y !== to.y) {
    const x = from.x + from.width / 2;
    const start = from.y + from.height;
    return {
      path: `M${x} ${start}V${to.y - TIP}`,
      tip: `M${x - 4} ${to.y - TIP - 1}h8l-4 ${TIP}z`,
      label: { x: x + 8, y: (start + to.y) / 2 + 4, anchor: 'start' },
    };
  }
  const y = from.y + from.height / 2;
  const right = to.x > from.x;
  const start = right ? from.x + from.width : from.x;
  const end = right ? to.x : to.x + to.width;
  const ahead = right ? 1 : -1;
  return {
    path: `M${start} ${y}H${end - TIP * ahead}`,
    tip: `M${end - (TIP + 1) * ahead} ${y - 4}v8l${TIP * ahead} -4z`,
    label: { x: (start + end) / 2, y: y - 8, anchor: 'middle' },
  };
}

/** How many lines fit into a box below its title and state. */
export function linesIn(boxHeight: number): number {
  return Math.max(0, Math.floor((boxHeight - BOX_END - FIRST_LINE) / LINE_STEP) + 1);
}

/** As much of `text` as fits into `width`, by a mean width of a character; the whole is in the tooltip and the detail. */
export function fitText(text: string, width: number, perCharacter: number): string {
  const most = Math.max(3, Math.floor(width / perCharacter));
  return text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text;
}
