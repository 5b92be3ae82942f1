import { css } from '@emotion/css';
import React, { useId, type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

/** A titled part of a page. */
export function Section(props: { title: string; note?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const styles = useStyles2(getStyles);
  const id = useId();
  return (
    <section className={styles.section} aria-labelledby={id}>
      <header className={styles.header}>
        <h2 id={id} className={styles.title}>
          {props.title}
        </h2>
        {props.note !== undefined && <div className={styles.note}>{props.note}</div>}
        <div className={styles.space} />
        {props.actions}
      </header>
      <div className={styles.body}>{props.children}</div>
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  section: css({
    display: 'flex',
    flexDirection: 'column',
    minWidth: 0,
    background: theme.colors.background.primary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  header: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    minHeight: theme.spacing(5),
    padding: theme.spacing(0.5, 1.5),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
  }),
  title: css({ margin: 0, fontSize: theme.typography.h6.fontSize, fontWeight: theme.typography.fontWeightMedium }),
  note: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  space: css({ flex: '1 1 0' }),
  body: css({ padding: theme.spacing(1.5), minWidth: 0, display: 'flex', flexDirection: 'column', gap: theme.spacing(1.5) }),
});
