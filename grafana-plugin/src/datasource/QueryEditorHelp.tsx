import React from 'react';
import { css } from '@emotion/css';
import type { GrafanaTheme2, QueryEditorHelpProps } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { EXAMPLES } from './help_examples';
import { MACROS } from './macros';
import type { MarketQuery } from './types';

/** The cheat sheet in Explore. */
export function QueryEditorHelp({ onClickExample }: QueryEditorHelpProps<MarketQuery>) {
  const styles = useStyles2(getStyles);
  return (
    <div>
      <h2>Candlewire market: cheat sheet</h2>
      {EXAMPLES.map(({ title, text, query }) => (
        <div key={title} className={styles.example}>
          <div>
            <strong>{title}</strong>
            <div className={styles.text}>{text}</div>
          </div>
          <Button size="sm" variant="secondary" aria-label={`Use the example: ${title}`} onClick={() => onClickExample({ refId: 'A', ...query })}>
            Use
          </Button>
        </div>
      ))}
      <h3>Macros of CQL</h3>
      <ul className={styles.text}>
        {MACROS.map(({ macro, what }) => (
          <li key={macro}>
            <code>{macro}</code>: {what}
          </li>
        ))}
      </ul>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  example: css({
    alignItems: 'center',
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    display: 'flex',
    gap: theme.spacing(2),
    justifyContent: 'space-between',
    padding: theme.spacing(1, 0),
  }),
  text: css({ color: theme.colors.text.secondary }),
});
