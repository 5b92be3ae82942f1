/**
 * The rows of a tape as elements: a small pool, moved and rewritten in place. React would make and compare a thousand elements
 * a second here; this sets the text of those that are visible and that changed.
 */
import { paleZeros, withDecimals } from '../exact_text';
import { isHole, type TapeEntry, type TapeHole, type TapeTrade } from './model';
import { isLarge, type TapeFilter } from './tape_filter';
import { TAPE_ROW_PX, tapeWindow } from './tape_window';

export type TapeClasses = { row: string; cell: string; buy: string; sell: string; large: string; backfill: string; hole: string; zeros: string };

/** What the rows look like; a change of it draws all rows anew. */
export type TapeLook = {
  classes: TapeClasses;
  filter: TapeFilter;
  showSymbol: boolean;
  priceDecimals?: number | null;
  quantityDecimals?: number | null;
  /** Epoch ms to text, to the millisecond. */
  clock: (time: number) => string;
  /** Where a trade's own page is; the time is a link to it. */
  linkOf?: (trade: TapeTrade) => string;
};

type Row = {
  element: HTMLElement;
  link: HTMLAnchorElement;
  cells: Cell[];
  /** What it shows, by which look and with which classes. */
  trade?: TapeEntry;
  look?: TapeLook;
  className: string;
  /** Its place in the list, 0 at the top; −1 before it has one. A hidden row keeps its last. */
  at: number;
};
type Cell = { element: HTMLElement; digits: Text; zeros: Text };

const COLUMNS = 4;

/** Draws trades, newest at the top, into `list`, which is `position: relative` within a scrolling box. */
export class TapeRows {
  #list: HTMLElement;
  /** In the order of the document, which is that of the places: screen readers read in it. Those beyond `#count` are hidden. */
  #pool: Row[] = [];
  #count = 0;

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  /**
   * @param trades oldest first
   * @param scrollTop of the scrolling box, px
   * @param height of the scrolling box, px
   */
  draw(trades: readonly TapeEntry[], scrollTop: number, height: number, look: TapeLook): void {
    const { first, count, height: whole } = tapeWindow(trades.length, scrollTop, height);
    setStyle(this.#list, 'height', `${whole}px`);
    this.#turn(trades, trades.length - 1 - first);
    this.#show(count, look);
    for (let at = 0; at < count; at++) {
      const row = this.#pool[at];
      const trade = trades[trades.length - 1 - first - at];
      place(row, first + at);
      if (row.trade !== trade || row.look !== look) {
        write(row, trade, look);
      }
    }
  }

  /** The place of the row that has the focus, 0 at the top; undefined when none has. */
  focused(): number | undefined {
    const { activeElement } = document;
    return this.#pool.find((row) => row.link === activeElement)?.at;
  }

  /** Gives the focus to the row at a place, if it is drawn. */
  focus(at: number): void {
    this.#pool.find((row) => row.at === at && !row.element.hidden)?.link.focus({ preventScroll: true });
  }

  /**
   * Lets trades that are drawn already keep their elements: those that left at one end go to the other. When none is left, as
   * when more than a screen of trades came, no element moves and all are rewritten where they are: to move one costs more.
   */
  #turn(trades: readonly TapeEntry[], top: number): void {
    const count = this.#count;
    const down = placeOf(count, (at) => trades[top - at] === this.#pool[0].trade);
    const up = down > 0 ? 0 : placeOf(count, (at) => this.#pool[at].trade === trades[top]);
    if (down > 0) {
      const moved = this.#pool.splice(count - down, down);
      this.#list.prepend(...moved.map(({ element }) => element));
      this.#pool.unshift(...moved);
    } else if (up > 0) {
      const moved = this.#pool.splice(0, up);
      this.#pool[count - up - 1].element.after(...moved.map(({ element }) => element));
      this.#pool.splice(count - up, 0, ...moved);
    }
  }

  /** Makes so many rows visible. */
  #show(count: number, { classes }: TapeLook): void {
    while (this.#pool.length < count) {
      const row = makeRow(classes);
      row.element.hidden = true;
      this.#pool.push(row);
      this.#list.append(row.element);
    }
    for (let at = Math.min(count, this.#count); at < Math.max(count, this.#count); at++) {
      this.#pool[at].element.hidden = at >= count;
    }
    this.#count = count;
  }
}

/** The first of `count` places at which something is so; 0 also when it is so nowhere. */
function placeOf(count: number, isSo: (at: number) => boolean): number {
  for (let at = 0; at < count; at++) {
    if (isSo(at)) {
      return at;
    }
  }
  return 0;
}

function makeRow(classes: TapeClasses): Row {
  const element = document.createElement('div');
  element.setAttribute('role', 'row');
  const link = document.createElement('a');
  // The tape is one stop of the Tab key; arrow keys go from row to row.
  link.tabIndex = -1;
  const cells = Array.from({ length: COLUMNS }, (_, column): Cell => {
    const cell = document.createElement('span');
    cell.setAttribute('role', 'cell');
    cell.className = classes.cell;
    const digits = document.createTextNode('');
    const zeros = document.createTextNode('');
    const pale = document.createElement('span');
    pale.className = classes.zeros;
    pale.append(zeros);
    if (column === 0) {
      link.append(digits);
      cell.append(link);
    } else {
      cell.append(digits, pale);
    }
    element.append(cell);
    return { element: cell, digits, zeros };
  });
  return { element, link, cells, className: '', at: -1 };
}

function place(row: Row, at: number): void {
  if (row.at !== at) {
    row.at = at;
    row.element.style.transform = `translateY(${at * TAPE_ROW_PX}px)`;
    row.element.setAttribute('aria-rowindex', String(at + 2));
  }
}

function write(row: Row, entry: TapeEntry, look: TapeLook): void {
  // Which cells there are, only a change of these decides.
  const same = row.look === look && row.trade !== undefined && isHole(row.trade) === isHole(entry);
  row.trade = entry;
  row.look = look;
  if (!same) {
    row.cells.forEach((cell, column) => (cell.element.hidden = isHole(entry) ? column > 0 : column === 1 && !look.showSymbol));
  }
  if (isHole(entry)) {
    writeHole(row, entry, look);
  } else {
    writeTrade(row, entry, look);
  }
}

function writeHole(row: Row, hole: TapeHole, { classes, showSymbol }: TapeLook): void {
  const { missing, symbol } = hole;
  const trades = missing === 1 ? 'trade is' : 'trades are';
  setClass(row, `${classes.row} ${classes.hole}`);
  row.element.title = `Trades of ${symbol} with ids between those above and below: the live stream leaves some out when very many come at once, and a query has a limit. They are stored; refresh to read the newest.`;
  row.link.removeAttribute('href');
  setText(row.cells[0], `… ${missing.toLocaleString('en-US')} ${trades} not shown here${showSymbol ? `, ${symbol}` : ''}`, '');
}

function writeTrade(row: Row, trade: TapeTrade, look: TapeLook): void {
  const { classes, filter } = look;
  if (look.linkOf === undefined || trade.symbol === '') {
    row.link.removeAttribute('href');
  } else {
    row.link.href = look.linkOf(trade);
  }
  const side = trade.isBuyerMaker === null ? '' : ` ${trade.isBuyerMaker ? classes.sell : classes.buy}`;
  const large = isLarge(trade, filter) ? ` ${classes.large}` : '';
  setClass(row, `${classes.row}${side}${large}${trade.backfill ? ` ${classes.backfill}` : ''}`);
  row.element.title = titleOf(trade);
  const mark = trade.isBuyerMaker === null ? '' : trade.isBuyerMaker ? '▼ ' : '▲ ';
  setText(row.cells[0], look.clock(trade.time), '');
  setText(row.cells[1], look.showSymbol ? trade.symbol : '', '');
  const [price, priceZeros] = paleZeros(withDecimals(trade.priceText, look.priceDecimals));
  setText(row.cells[2], mark + price, priceZeros);
  const [quantity, quantityZeros] = paleZeros(withDecimals(trade.quantityText, look.quantityDecimals));
  setText(row.cells[3], quantity, quantityZeros);
}

/** The whole trade in words, with the exact text. */
export function titleOf(trade: TapeTrade): string {
  const who = trade.isBuyerMaker === null ? '' : trade.isBuyerMaker ? ', the seller took' : ', the buyer took';
  return `${trade.symbol} trade ${trade.id}: ${trade.quantityText} at ${trade.priceText}${who}${trade.backfill ? ', came by backfill after a gap' : ''}`;
}

function setText(cell: Cell, digits: string, zeros: string): void {
  if (cell.digits.data !== digits) {
    cell.digits.data = digits;
  }
  if (cell.zeros.data !== zeros) {
    cell.zeros.data = zeros;
  }
}

function setClass(row: Row, className: string): void {
  if (row.className !== className) {
    row.className = className;
    row.element.className = className;
  }
}

function setStyle(element: HTMLElement, name: 'height', value: string): void {
  if (element.style[name] !== value) {
    element.style[name] = value;
  }
}
