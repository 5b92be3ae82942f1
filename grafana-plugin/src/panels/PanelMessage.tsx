import React, { type ReactNode } from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, LoadingPlaceholder, useStyles2 } from '@grafana/ui';

/** Why a panel shows no data, and what to do about it, in place of the drawing: `error` is an alert for screen readers. */
export function PanelMessage(props: { kind: 'empty' | 'loading' | 'error'; title: string; children?: ReactNode }) {
  const { kind, title, children } = props;
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.message} role={kind === 'error' ? 'alert' : 'status'}>
      {kind === 'loading' ? (
        <LoadingPlaceholder text={title} className={styles.loading} />
      ) : (
        <>
          <Icon name={kind === 'error' ? 'exclamation-triangle' : 'info-circle'} size="xl" className={kind === 'error' ? styles.bad : undefined} />
          <strong>{title}</strong>
        </>
      )}
      {children !== undefined && <p className={styles.advice}>{children}</p>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  message: css({
    alignItems: 'center',
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.5),
    height: '100%',
    justifyContent: 'center',
    minHeight: 60,
    overflow: 'auto',
    padding: theme.spacing(1),
    textAlign: 'center',
  }),
  advice: css({ color: theme.colors.text.secondary, margin: 0, maxWidth: 560, overflowWrap: 'anywhere' }),
  bad: css({ color: theme.colors.error.text }),
  loading: css({ margin: 0 }),
});
