import { css, cx } from '@emotion/css';
import React, { type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

export type Column<Row> = {
  title: string;
  /** What the title means, as its tooltip. */
  help?: string;
  /** Right-aligned, figures of equal width. */
  numeric?: boolean;
  /** The row's name for screen readers. */
  header?: boolean;
  wrap?: boolean;
  cell: (row: Row) => ReactNode;
};

/** A light table: plain elements, so that hundreds of rows that change each second stay cheap. */
export function DataTable<Row>(props: {
  caption: string;
  columns: ReadonlyArray<Column<Row>>;
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  selected?: string;
  maxHeight?: number;
}) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.frame} style={{ maxHeight: props.maxHeight }} tabIndex={0} role="region" aria-label={props.caption}>
      <table className={styles.table} aria-label={props.caption}>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.title} scope="col" title={column.help} className={cx(column.numeric && styles.number)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => {
            const key = props.rowKey(row);
            return (
              <tr key={key} data-key={key} className={cx(key === props.selected && styles.selected)}>
                {props.columns.map((column) => {
                  const className = cx(column.numeric && styles.number, column.wrap && styles.wrap);
                  return column.header ? (
                    <th key={column.title} scope="row" className={className}>
                      {column.cell(row)}
                    </th>
                  ) : (
                    <td key={column.title} className={className}>
                      {column.cell(row)}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({
    overflow: 'auto',
    minWidth: 0,
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: 2 },
  }),
  table: css({
    width: '100%',
    borderCollapse: 'collapse',
    fontSize: theme.typography.bodySmall.fontSize,
    'th, td': {
      padding: theme.spacing(0.5, 1),
      textAlign: 'left',
      whiteSpace: 'nowrap',
      verticalAlign: 'top',
      borderBottom: `1px solid ${theme.colors.border.weak}`,
    },
    'thead th': {
      position: 'sticky',
      top: 0,
      zIndex: 1,
      background: theme.colors.background.primary,
      color: theme.colors.text.secondary,
      fontWeight: theme.typography.fontWeightMedium,
    },
    'tbody th': { fontWeight: theme.typography.fontWeightMedium },
    'tbody tr:hover': { background: theme.colors.background.secondary },
  }),
  number: css({ '&&': { textAlign: 'right', fontVariantNumeric: 'tabular-nums' } }),
  wrap: css({ '&&': { whiteSpace: 'normal', minWidth: 220, overflowWrap: 'anywhere' } }),
  // Grafana's shades of selected and hovered rows leave links and states below 4.5:1: a fainter one, and an edge for the selected.
  selected: css({ background: theme.colors.background.secondary, '& > :first-child': { boxShadow: `inset 3px 0 0 ${theme.colors.primary.border}` } }),
});
