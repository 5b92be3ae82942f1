import { css } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import type { Origin } from '../../api/types';

/** Says that what is shown is not the real market (I8). */
export function SimulatedBanner({ origin }: { origin: Origin | null | undefined }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.banner} role="status" data-testid="simulated">
      <Icon name="exclamation-triangle" />
      <strong>SIMULATED</strong>
      <span>
        {origin?.kind === 'recording' ? 'Recorded frames, played again' : 'Not the real market'}
        {origin?.label ? `: ${origin.label}` : ''}
      </span>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  banner: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: theme.spacing(0.75, 1.5),
    borderRadius: theme.shape.radius.default,
    border: `1px solid ${theme.colors.warning.border}`,
    background: theme.colors.warning.transparent,
    color: theme.colors.text.primary,
    strong: { letterSpacing: '0.06em', color: theme.colors.warning.text },
  }),
});
