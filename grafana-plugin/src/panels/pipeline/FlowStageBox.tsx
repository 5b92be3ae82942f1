import React from 'react';
import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { FIRST_LINE, LINE_STEP, fitText, linesIn, type Place } from './flow_place';
import { boxName, isCut, latencyText, rateText, stageLag, stageSentence, stateText, type FlowStage, type FlowTone } from './model';

const PAD = 10;
/** What holds data at rest has a double edge, what runs a single one. */
const STORES = new Set(['postgres', 'journal', 'store']);

/** One stage: state as shape, color and word; rate, lag, latency. A button: click, Enter or Space shows its detail. */
export function FlowStageBox(props: { stage: FlowStage; tone: FlowTone; place: Place; selected: boolean; onSelect: () => void }) {
  const { stage, tone, place, selected, onSelect } = props;
  const styles = useStyles2(getStyles);
  const room = place.width - 2 * PAD;
  const lag = stageLag(stage);
  const latency = latencyText(stage);
  const title = fitText(stage.title, room, 7.6);
  const lines = [
    { text: stage.rate === null ? '' : rateText(stage), color: stage.look?.rate?.color, strong: true },
    { text: lag === '' ? '' : `lag ${lag}`, color: stage.look?.lag?.color, strong: false },
    { text: latency === '' ? '' : latency, color: stage.look?.latency_p99?.color, strong: false },
    { text: stage.detail, color: undefined, strong: false },
  ]
    .filter(({ text }) => text !== '')
    .slice(0, linesIn(place.height))
    .map((line) => ({ ...line, shown: fitText(line.text, room, line.strong ? 7 : 6.2) }));
  const shown = [title, stateText(stage), ...lines.map(({ shown }) => shown)];
  return (
    <g
      className={cx(styles.stage, styles[tone], selected && styles.selected)}
      transform={`translate(${place.x} ${place.y})`}
      role="button"
      tabIndex={0}
      aria-pressed={selected}
      aria-label={boxName(stage, shown)}
      data-stage={stage.id}
      data-state={stage.state}
      onClick={onSelect}
      onKeyDown={(event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          onSelect();
        }
      }}
    >
      <rect className="box" width={place.width} height={place.height} rx={4} />
      {STORES.has(stage.id) && <rect className="inner" x={3} y={3} width={place.width - 6} height={place.height - 6} rx={2} />}
      <text x={PAD} y={24} className={styles.title}>
        {title}
      </text>{' '}
      <path className="mark" d={markPath(tone, PAD + 4, 40)} />
      <text x={PAD + 14} y={44} className="word">
        {stateText(stage)}
      </text>{' '}
      {lines.map(({ shown, color, strong }, at) => (
        // The spaces between the texts are not drawn: without them what reads the document reads one long word.
        <React.Fragment key={at}>
          <text x={PAD} y={FIRST_LINE + at * LINE_STEP} className={strong ? styles.figure : styles.line} style={color === undefined ? undefined : { fill: color }}>
            {shown}
          </text>{' '}
        </React.Fragment>
      ))}
      {isCut(shown) && <title>{stageSentence(stage)}</title>}
    </g>
  );
}

/** A shape a tone, so that a state is not told by its color alone: circle, diamond, square, ring. */
function markPath(tone: FlowTone, x: number, y: number): string {
  if (tone === 'warn') {
    return `M${x} ${y - 5}l5 5l-5 5l-5 -5Z`;
  }
  if (tone === 'bad') {
    return `M${x - 4} ${y - 4}h8v8h-8Z`;
  }
  const circle = `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`;
  return tone === 'good' ? circle : `${circle}M${x - 2} ${y}a2 2 0 1 1 4 0a2 2 0 1 1 -4 0Z`;
}

const getStyles = (theme: GrafanaTheme2) => {
  const tint = (line: string, text: string, background?: string) =>
    css({
      '& .box': { stroke: line, ...(background === undefined ? {} : { fill: background }) },
      '& .inner': { stroke: line },
      '& .mark, & .word': { fill: text },
    });
  return {
    stage: css({
      cursor: 'pointer',
      outline: 'none',
      '& .box': { fill: theme.colors.background.secondary, strokeWidth: 1 },
      '& .inner': { fill: 'none', opacity: 0.5 },
      '& .mark': { fillRule: 'evenodd' },
      '& .word': { fontSize: 12 },
      '&:hover .box': { fill: theme.colors.emphasize(theme.colors.background.secondary, 0.04) },
      '&:focus-visible .box': { stroke: theme.colors.primary.border, strokeWidth: 3 },
    }),
    selected: css({ '& .box': { strokeWidth: 2.5 } }),
    good: tint(theme.colors.success.border, theme.colors.success.text),
    warn: tint(theme.colors.warning.border, theme.colors.warning.text, theme.colors.warning.transparent),
    bad: tint(theme.colors.error.border, theme.colors.error.text, theme.colors.error.transparent),
    idle: tint(theme.colors.border.strong, theme.colors.text.secondary),
    title: css({ fill: theme.colors.text.primary, fontSize: 14, fontWeight: theme.typography.fontWeightMedium }),
    figure: css({ fill: theme.colors.text.primary, fontSize: 13, fontVariantNumeric: 'tabular-nums' }),
    line: css({ fill: theme.colors.text.secondary, fontSize: 12, fontVariantNumeric: 'tabular-nums' }),
  };
};
