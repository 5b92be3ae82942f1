import { css, cx } from '@emotion/css';
import React, { memo, useMemo, useState, type PointerEvent } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { count, utc } from '../../../../runtime/console/format.js';
import { linearScale, timeTicks, valueTicks } from '../../model/scale';
import type { CountBar } from '../../model/trade_counts';
import { useWidth } from '../App/hooks';
import { Decimal } from '../parts/Figures';

const HEIGHT = 150;
const AXIS_WIDTH = 48;
const AXIS_HEIGHT = 20;

/** Trades a window over time; pale columns lack trades. */
export const CountChart = memo(function CountChart({ bars, lengthMs, label }: { bars: readonly CountBar[]; lengthMs: number; label: string }) {
  const styles = useStyles2(getStyles);
  const [place, width] = useWidth();
  const [pointed, setPointed] = useState<number>();
  const plotWidth = Math.max(0, width - AXIS_WIDTH);
  const plotHeight = HEIGHT - AXIS_HEIGHT;
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
      values: valueTicks(0, most * 1.05, 4).filter((tick) => Number.isInteger(tick.value)),
      times: timeTicks(from, until, Math.max(2, plotWidth / 90)),
    };
  }, [bars, from, until, lengthMs, plotWidth, plotHeight]);
  const shown = bars.find((bar) => bar.openTime === pointed) ?? bars.at(-1);
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    setPointed(from + Math.floor(x / layout.slot) * lengthMs);
  };
  return (
    <div ref={place} className={styles.frame}>
      <div className={styles.legend}>
        {shown !== undefined && (
          <>
            <span>{utc(shown.openTime, 'clock')} UTC</span>
            <span>
              {count(shown.count)} trades{shown.whole ? '' : ', partial'}
            </span>
            {shown.volume !== null && (
              <span>
                volume <Decimal text={shown.volume} />
              </span>
            )}
            {shown.vwap !== null && (
              <span>
                VWAP <Decimal text={shown.vwap} />
              </span>
            )}
          </>
        )}
      </div>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${label}${shown === undefined ? '' : `: newest window ${utc(bars.at(-1)!.openTime)} UTC with ${bars.at(-1)!.count} trades`}`}
        className={styles.chart}
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        {layout.values.map((tick) => (
          <g key={tick.value}>
            <line className={styles.grid} x1={0} x2={plotWidth} y1={layout.y(tick.value)} y2={layout.y(tick.value)} />
            <text className={styles.tick} x={plotWidth + 6} y={layout.y(tick.value) + 4}>
              {count(tick.value)}
            </text>
          </g>
        ))}
        {bars.map((bar) => (
          <rect
            key={bar.openTime}
            className={cx(styles.bar, !bar.whole && styles.part)}
            x={layout.x(bar.openTime) + layout.slot * 0.1}
            width={Math.max(0.5, layout.slot * 0.8)}
            y={layout.y(bar.count)}
            height={Math.max(0, plotHeight - layout.y(bar.count))}
          />
        ))}
        {layout.times.map((tick) => (
          <text key={tick.value} className={styles.tick} x={layout.x(tick.value)} y={HEIGHT - 5} textAnchor="middle">
            {tick.label}
          </text>
        ))}
      </svg>
    </div>
  );
});

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({ minWidth: 0, width: '100%' }),
  legend: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0, 1.5),
    minHeight: theme.spacing(2.5),
    fontSize: theme.typography.bodySmall.fontSize,
    color: theme.colors.text.secondary,
    fontVariantNumeric: 'tabular-nums',
  }),
  chart: css({ display: 'block' }),
  grid: css({ stroke: theme.colors.border.weak }),
  tick: css({ fill: theme.colors.text.secondary, fontSize: 11 }),
  bar: css({ fill: theme.visualization.getColorByName('blue') }),
  part: css({ opacity: 0.4 }),
});
