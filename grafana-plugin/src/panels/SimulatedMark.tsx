import React from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

/** Says SIMULATED on a surface that shows simulated data (I8); nothing when it does not. */
export function SimulatedMark({ simulated, label }: { simulated: boolean; label: string | null }) {
  const styles = useStyles2(getStyles);
  if (!simulated) {
    return null;
  }
  const origin = label === null ? '' : ` (${label})`;
  return (
    <span className={styles.mark} title={`This data comes from a simulated exchange${origin}, not from a real market`}>
      SIMULATED
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  mark: css({
    background: theme.colors.warning.main,
    borderRadius: theme.shape.radius.default,
    color: theme.colors.warning.contrastText,
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: theme.typography.fontWeightBold,
    letterSpacing: '0.04em',
    lineHeight: 1.5,
    padding: theme.spacing(0, 0.75),
    whiteSpace: 'nowrap',
  }),
});
