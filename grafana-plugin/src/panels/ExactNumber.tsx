import React from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { paleZeros, withDecimals } from './exact_text';

/** Decimal text with the zeros at its end paler. The whole text is in the tooltip when `decimals` hid zeros of it. */
export function ExactNumber({ text, decimals }: { text: string; decimals?: number | null }) {
  const styles = useStyles2(getStyles);
  const shown = withDecimals(text, decimals);
  const [digits, zeros] = paleZeros(shown);
  return (
    <span className={styles.number} title={shown === text ? undefined : text}>
      {digits}
      {zeros !== '' && <span className={styles.zeros}>{zeros}</span>}
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  number: css({ fontVariantNumeric: 'tabular-nums' }),
  // Dim, yet above the contrast of 4.5 that readers need.
  zeros: css({ color: theme.colors.text.secondary }),
});
