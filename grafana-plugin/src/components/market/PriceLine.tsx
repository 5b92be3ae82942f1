import { css } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import type { Ticker } from '../../api/types';
import type { MarketView } from '../../model/market_state';
import { Change, Decimal, Time } from '../parts/Figures';

/** The newest price as text, when it was, and the figures of 24 h. */
export function PriceLine({ view, ticker }: { view: MarketView; ticker: Ticker | undefined }) {
  const styles = useStyles2(getStyles);
  const day = view.ticker ?? ticker;
  return (
    <span className={styles.line}>
      <span className={styles.price} data-testid="price">
        <Decimal text={view.price?.price ?? day?.last_price} />
      </span>
      <Change percent={day?.price_change_percent} />
      {view.price !== undefined && (
        <span>
          at <Time at={view.price.at} form="millis" /> UTC
        </span>
      )}
      {day !== undefined && (
        <span>
          24 h <Decimal text={day.low_price} /> to <Decimal text={day.high_price} />
        </span>
      )}
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  line: css({ display: 'inline-flex', flexWrap: 'wrap', alignItems: 'baseline', gap: theme.spacing(0, 1.5), fontVariantNumeric: 'tabular-nums' }),
  price: css({ fontSize: theme.typography.h4.fontSize, color: theme.colors.text.primary }),
});
