/** The panel's options as saved in a dashboard: extend, do not rename. */
export type OrderBookOptions = {
  show: 'both' | 'ladder' | 'depth';
  levels: number;
  /** Decimal text; empty: no grouping. */
  tick: string;
  bidColor: string;
  askColor: string;
  wideSpreadBp?: number;
};
