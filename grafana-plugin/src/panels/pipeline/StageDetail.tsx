import React from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { IconButton, useStyles2 } from '@grafana/ui';
import { stageFacts, type FlowStage } from './model';

/** All that is known of one stage. */
export function StageDetail({ stage, onClose }: { stage: FlowStage; onClose: () => void }) {
  const styles = useStyles2(getStyles);
  return (
    <section className={styles.detail} aria-label={`Stage ${stage.title}`} aria-live="off">
      <header className={styles.head}>
        <strong>{stage.title}</strong>
        <IconButton name="times" aria-label="Close the detail" tooltip="Close (Escape)" onClick={onClose} />
      </header>
      <dl className={styles.facts}>
        {stageFacts(stage).map(({ label, value, color }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd style={{ color }}>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  detail: css({
    background: theme.colors.background.secondary,
    borderRadius: theme.shape.radius.default,
    flexShrink: 0,
    padding: theme.spacing(1, 1.5),
  }),
  head: css({ alignItems: 'center', display: 'flex', justifyContent: 'space-between' }),
  facts: css({
    display: 'grid',
    gap: theme.spacing(0.5, 2),
    gridTemplateColumns: 'repeat(auto-fill, minmax(150px, 1fr))',
    margin: 0,
    '& dt': { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, fontWeight: theme.typography.fontWeightRegular },
    '& dd': { fontVariantNumeric: 'tabular-nums', margin: 0, overflowWrap: 'anywhere' },
  }),
});
