import { css } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { tone, word } from '../../../../runtime/console/parts.js';

const SHAPES = { good: '●', warn: '▲', bad: '■', idle: '○' } as const;

/** A state as shape, color and word, so that none of them is needed alone. */
export function StateText({ state, title }: { state: string; title?: string }) {
  const styles = useStyles2(getStyles);
  const mood = tone(state) as keyof typeof SHAPES;
  return (
    <span title={title} data-state={state} className={styles.state}>
      <span aria-hidden="true" className={styles[mood]}>
        {SHAPES[mood]}
      </span>
      {word(state)}
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  state: css({ display: 'inline-flex', gap: theme.spacing(0.75), whiteSpace: 'nowrap' }),
  good: css({ color: theme.colors.success.text }),
  warn: css({ color: theme.colors.warning.text }),
  bad: css({ color: theme.colors.error.text }),
  idle: css({ color: theme.colors.text.secondary }),
});
