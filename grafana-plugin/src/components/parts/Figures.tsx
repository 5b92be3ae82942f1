import { css, cx } from '@emotion/css';
import React, { Fragment, type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { splitZeros } from '../../../../runtime/console/decimal_text.js';
import { ago, epochMs, utc } from '../../../../runtime/console/format.js';

/** Decimal text with every digit (I9); zeros at its end paler. */
export function Decimal({ text }: { text: string | null | undefined }) {
  const styles = useStyles2(getStyles);
  if (text === null || text === undefined) {
    return <>–</>;
  }
  const [digits, zeros] = splitZeros(text);
  return (
    <span className={styles.figure}>
      {digits}
      {zeros !== '' && <span className={styles.zeros}>{zeros}</span>}
    </span>
  );
}

/** A change in percent with its sign, as text and color. */
export function Change({ percent }: { percent: string | undefined }) {
  const styles = useStyles2(getStyles);
  if (percent === undefined) {
    return <>–</>;
  }
  const falling = percent.startsWith('-');
  const flat = /^-?0*(\.0*)?$/.test(percent);
  return (
    <span className={cx(styles.figure, !flat && (falling ? styles.down : styles.up))}>
      {flat ? '' : falling ? '▼ ' : '▲ +'}
      {percent} %
    </span>
  );
}

/** A time in UTC, local time as tooltip. */
export function Time({
  at,
  form = 'clock',
}: {
  at: number | string | null | undefined;
  form?: 'clock' | 'millis' | 'minute' | 'full' | 'ago';
}) {
  const time = epochMs(at);
  if (!Number.isFinite(time)) {
    return <>–</>;
  }
  const title = `${utc(time, 'full')}\n${new Date(time).toLocaleString()} local`;
  return (
    <time dateTime={new Date(time).toISOString()} title={title}>
      {form === 'ago' ? ago(time) : utc(time, form)}
    </time>
  );
}

/** Names and values. */
export function Facts({ pairs }: { pairs: ReadonlyArray<readonly [string, ReactNode]> }) {
  const styles = useStyles2(getStyles);
  return (
    <dl className={styles.facts}>
      {pairs.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** Figures side by side. */
export function Tiles({ tiles }: { tiles: ReadonlyArray<{ label: string; value: ReactNode; help?: string }> }) {
  const styles = useStyles2(getStyles);
  return (
    <dl className={styles.tiles}>
      {tiles.map(({ label, value, help }) => (
        <div key={label} className={styles.tile} title={help}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Text as it is, such as a payload. */
export function Payload({ text, label }: { text: string; label: string }) {
  const styles = useStyles2(getStyles);
  return (
    <pre className={styles.payload} tabIndex={0} aria-label={label}>
      {text}
    </pre>
  );
}

/** A line where there is nothing. */
export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.nothing}>
      <strong>{title}</strong>
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  figure: css({ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }),
  zeros: css({ color: theme.colors.text.secondary }),
  up: css({ color: theme.colors.success.text }),
  down: css({ color: theme.colors.error.text }),
  facts: css({
    display: 'grid',
    gridTemplateColumns: 'max-content minmax(0, 1fr)',
    gap: theme.spacing(0.5, 2),
    margin: 0,
    fontSize: theme.typography.bodySmall.fontSize,
    dt: { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular },
    dd: { margin: 0, overflowWrap: 'anywhere' },
  }),
  tiles: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(112px, 1fr))',
    gap: theme.spacing(1),
    margin: 0,
  }),
  tile: css({
    padding: theme.spacing(1, 1.5),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
    dt: {
      color: theme.colors.text.secondary,
      fontSize: theme.typography.bodySmall.fontSize,
      fontWeight: theme.typography.fontWeightRegular,
    },
    dd: { margin: 0, fontSize: theme.typography.h4.fontSize, fontVariantNumeric: 'tabular-nums' },
  }),
  payload: css({ margin: 0, maxHeight: 420, overflow: 'auto', fontSize: theme.typography.bodySmall.fontSize, whiteSpace: 'pre' }),
  nothing: css({ padding: theme.spacing(2), textAlign: 'center', color: theme.colors.text.secondary }),
});
