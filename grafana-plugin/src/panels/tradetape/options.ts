import type { SizeUnit, TapeSide } from './tape_filter';

/** The panel's options as saved in a dashboard: extend, do not rename. */
export type TradeTapeOptions = {
  side: TapeSide;
  sizeUnit: SizeUnit;
  minSize: number;
  largeSize: number;
  /** Trades kept. */
  capacity: number;
  pauseOnHover: boolean;
  showToolbar: boolean;
  buyColor: string;
  sellColor: string;
};
