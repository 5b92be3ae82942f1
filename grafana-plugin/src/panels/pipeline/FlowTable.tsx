import React from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { latencyText, rateText, stageLag, stateText, type FlowStage } from './model';

/** The flow as a table: the same in text. */
export function FlowTable({ stages }: { stages: readonly FlowStage[] }) {
  const styles = useStyles2(getStyles);
  return (
    <table className={styles.table} aria-label="Stages of the pipeline, in order">
      <thead>
        <tr>
          {['Stage', 'State', 'Rate', 'Lag', 'Latency', 'Detail'].map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {stages.map((stage) => (
          <tr key={stage.id}>
            <th scope="row">{stage.title}</th>
            <td>{stateText(stage)}</td>
            <td style={{ color: stage.look?.rate?.color }}>{rateText(stage)}</td>
            <td style={{ color: stage.look?.lag?.color }}>{stageLag(stage) || '–'}</td>
            <td style={{ color: stage.look?.latency_p99?.color }}>{latencyText(stage) || '–'}</td>
            <td>{stage.detail}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  table: css({
    borderCollapse: 'collapse',
    fontVariantNumeric: 'tabular-nums',
    width: '100%',
    '& th, & td': { borderBottom: `1px solid ${theme.colors.border.weak}`, padding: theme.spacing(0.5, 1), textAlign: 'left' },
    '& thead th': { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular },
    '& tbody th': { fontWeight: theme.typography.fontWeightMedium },
  }),
});
