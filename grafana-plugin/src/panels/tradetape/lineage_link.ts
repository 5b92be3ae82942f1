import { locationUtil } from '@grafana/data';
import { lineagePath } from '../../model/address';
import type { TapeTrade } from './model';

/** The address of a trade's way through the pipeline, on the app's page. */
export function lineageLink(trade: TapeTrade): string {
  return locationUtil.assureBaseUrl(lineagePath(trade.symbol, trade.id));
}
