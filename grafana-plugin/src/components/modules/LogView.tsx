import { css } from '@emotion/css';
import React, { useEffect, useMemo, useRef, useState } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, Button, FilterInput, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { utc } from '../../../../runtime/console/format.js';
import type { LogLevel } from '../../api/types';
import { fieldsText, filterLines, LOG_LEVELS } from '../../model/log_lines';
import { Nothing } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { useLog } from './useLog';

/** Lines drawn at once: more cannot be read, and they would slow the page. */
const SHOWN = 500;

/** The live log of a module; it follows the newest line until the reader scrolls up. */
export function LogView({ name }: { name: string }) {
  const styles = useStyles2(getStyles);
  const [level, setLevel] = useState<LogLevel>('info');
  const [text, setText] = useState('');
  const [follow, setFollow] = useState(true);
  const { lines, problem, open, missing } = useLog(name);
  const shown = useMemo(() => filterLines(lines, { level, text }).slice(-SHOWN), [lines, level, text]);
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (follow && frame.current !== null) {
      frame.current.scrollTop = frame.current.scrollHeight;
    }
  }, [shown, follow]);
  return (
    <Section
      title={`Log of ${name}`}
      note={open ? <Badge text="Live" color="green" icon="circle" /> : undefined}
      actions={
        <>
          <RadioButtonGroup
            size="sm"
            aria-label="Least level"
            options={LOG_LEVELS.map((value) => ({ value, label: value }))}
            value={level}
            onChange={setLevel}
          />
          <FilterInput width={22} placeholder="Filter" aria-label="Filter the log" value={text} onChange={setText} />
          {!follow && (
            <Button size="sm" variant="secondary" icon="arrow-down" onClick={() => setFollow(true)}>
              Follow
            </Button>
          )}
        </>
      }
    >
      <ProblemAlert problem={problem} />
      {missing > 0 && <div className={styles.muted}>{missing} lines came faster than they were read and are missing here.</div>}
      {shown.length === 0 ? (
        <Nothing title={lines.length === 0 ? 'No lines yet' : 'No line matches'} />
      ) : (
        <div
          ref={frame}
          className={styles.frame}
          role="log"
          aria-live="off"
          aria-label={`Log of ${name}`}
          tabIndex={0}
          onScroll={(event) => {
            const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
            setFollow(scrollTop + clientHeight > scrollHeight - 24);
          }}
        >
          {shown.map((line) => (
            <div key={line.sequence} className={styles.line}>
              <span className={styles.muted}>{utc(line.time, 'millis')}</span>
              <span className={styles[line.level]}>{line.level}</span>
              <span className={styles.message}>
                {line.message} <span className={styles.muted}>{fieldsText(line)}</span>
              </span>
            </div>
          ))}
        </div>
      )}
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({
    maxHeight: 360,
    overflow: 'auto',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` },
  }),
  line: css({ display: 'grid', gridTemplateColumns: 'max-content 3.5em minmax(0, 1fr)', gap: theme.spacing(1) }),
  message: css({ overflowWrap: 'anywhere' }),
  muted: css({ color: theme.colors.text.secondary }),
  debug: css({ color: theme.colors.text.secondary }),
  info: css({ color: theme.colors.info.text }),
  warn: css({ color: theme.colors.warning.text }),
  error: css({ color: theme.colors.error.text }),
});
