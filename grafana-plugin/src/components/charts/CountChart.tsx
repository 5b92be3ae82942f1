import { css, cx } from '@emotion/css';
import React, { memo, useMemo } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { count, utc } from '../../../../runtime/console/format.js';
import { linearScale, timeTicks, valueTicks } from '../../model/scale';
import type { CountBar } from '../../model/trade_counts';
import { useWidth } from '../App/hooks';
import { Decimal } from '../parts/Figures';
import { TIME_AXIS_PX, TimeChart } from './TimeChart';

const HEIGHT = 150;
const AXIS_WIDTH = 48;

/** Trades a window over time; pale columns lack trades. */
export const CountChart = memo(function CountChart({ bars, lengthMs, label }: { bars: readonly CountBar[]; lengthMs: number; label: string }) {
  const styles = useStyles2(getStyles);
  const [place, width] = useWidth();
  const plotWidth = Math.max(0, width - AXIS_WIDTH);
  const plotHeight = HEIGHT - TIME_AXIS_PX;
  const from = bars[0]?.openTime ?? 0;
  const until = (bars.at(-1)?.openTime ?? 0) + lengthMs;
  const layout = useMemo(() => {
    const most = Math.max(1, ...bars.map((bar) => bar.count));
    const x = linearScale([from, until], [0, plotWidth]);
    const y = linearScale([0, most * 1.05], [plotHeight, 4]);
    const slot = until > from ? (plotWidth * lengthMs) / (until - from) : 0;
    return {
      x,
      y,
      slot,
      values: valueTicks(0, most * 1.05, 4)
        .filter((tick) => Number.isInteger(tick.value))
        .map(({ value }) => ({ value, label: count(value), y: y(value) })),
      times: timeTicks(from, until, Math.max(2, plotWidth / 90)).map((tick) => ({ ...tick, x: x(tick.value) })),
    };
  }, [bars, from, until, lengthMs, plotWidth, plotHeight]);
  const legend = (index: number) => {
    const { openTime, count: trades, whole, volume, vwap } = bars[index];
    return [
      `${utc(openTime, 'clock')} UTC`,
      `${count(trades)} trades${whole ? '' : ', partial'}`,
      ...(volume === null ? [] : [<React.Fragment key="volume">volume <Decimal text={volume} /></React.Fragment>]),
      ...(vwap === null ? [] : [<React.Fragment key="vwap">VWAP <Decimal text={vwap} /></React.Fragment>]),
    ];
  };
  const words = (index: number) => `${utc(bars[index].openTime)} UTC, ${bars[index].count} trades${bars[index].whole ? '' : ', partial'}`;
  const indexAt = (x: number) => {
    const openTime = from + Math.floor(x / layout.slot) * lengthMs;
    const at = bars.findIndex((bar) => bar.openTime === openTime);
    // The axis beside the plot, and a minute without a candle, are no column's.
    return at < 0 ? undefined : at;
  };
  return (
    <TimeChart
      place={place}
      width={width}
      height={HEIGHT}
      axes={{ plotWidth, plotHeight, values: layout.values, times: layout.times }}
      label={label}
      times={bars.map((bar) => bar.openTime)}
      indexAt={indexAt}
      legend={legend}
      words={words}
    >
      {(chosen) =>
        bars.map((bar, at) => (
          <rect
            key={bar.openTime}
            className={cx(styles.bar, !bar.whole && styles.part, at === chosen && styles.chosen)}
            x={layout.x(bar.openTime) + layout.slot * 0.1}
            width={Math.max(0.5, layout.slot * 0.8)}
            y={layout.y(bar.count)}
            height={Math.max(0, plotHeight - layout.y(bar.count))}
          />
        ))
      }
    </TimeChart>
  );
});

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({ fill: theme.visualization.getColorByName('blue') }),
  part: css({ opacity: 0.4 }),
  chosen: css({ stroke: theme.colors.text.primary }),
});
