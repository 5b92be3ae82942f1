/** The pipeline's flow as the panel and the app's page show it. Pure. Rates a second, times in seconds, memory in bytes. */
import { lagText } from '../../../../runtime/console/chart/flow.js';
import { bytes, count, duration, memory, rate } from '../../../../runtime/console/format.js';
import { tone, word } from '../../../../runtime/console/parts.js';
import type { Pipeline, Stage, StageState } from '../../../../runtime/console/types.js';
import { fieldOf, foreignFrames, framesWith, hasThresholds, numberAt, originOf, textAt, type FieldLike, type FrameLike } from '../frame_reader.ts';

/** What a frame must have to be the stages; the other STAGE_FIELDS are used where they are. */
export const STAGE_NEEDS = ['id', 'state'] as const;
export const EDGE_NEEDS = ['from', 'to', 'rate'] as const;
/** The frame of what stages tell beside their rates: dead letters, WAL retained and the like. */
export const FIGURE_NEEDS = ['stage', 'label', 'text'] as const;

export type FlowTone = 'good' | 'warn' | 'bad' | 'idle';

/** What a field's overrides make of a figure, where the user set any. */
export type FigureLook = { text?: string; color?: string };

/** A stage; `look` by STAGE_FIELDS' names. */
export type FlowStage = Stage & { look?: Record<string, FigureLook> };
export type FlowEdge = Pipeline['edges'][number];

export type FlowModel = {
  stages: FlowStage[];
  edges: FlowEdge[];
  simulated: boolean;
  originLabel: string | null;
};

/** A lag in seconds from which a stage is marked, or undefined for never. */
export type LagLimits = { warnSeconds?: number; badSeconds?: number };

const STATES: readonly string[] = ['running', 'starting', 'degraded', 'blocked', 'stopped', 'failed', 'unknown'];
/** Figures whose overrides (unit, decimals, thresholds) are shown. */
const LOOKS = ['rate', 'total', 'lag', 'latency_p50', 'latency_p99', 'rss_bytes', 'cpu_percent', 'restarts'] as const;

/** The control API's answer as a flow. */
export function flowOfPipeline(pipeline: Pipeline, origin: { simulated: boolean; label: string | null }): FlowModel {
  return { stages: pipeline.stages, edges: pipeline.edges, simulated: origin.simulated, originLabel: origin.label };
}

/** A panel's frames as a flow, or why they are none. Without a frame of edges the stages follow one another. */
export function flowOfFrames(frames: readonly FrameLike[]): FlowModel | { problem: string } {
  const stageFrame = framesWith(frames, STAGE_NEEDS)[0];
  if (stageFrame === undefined) {
    return { problem: foreignFrames(frames, STAGE_NEEDS, 'the pipeline’s state', 'Choose the kind “pipeline” in the query.') };
  }
  const stages = Array.from({ length: stageFrame.length }, (_, row) => stageOfRow(stageFrame, row));
  const edgeFrame = framesWith(frames, EDGE_NEEDS)[0];
  const figureFrame = framesWith(frames, FIGURE_NEEDS)[0];
  if (figureFrame !== undefined) {
    addFigures(stages, figureFrame);
  }
  const origin = originOf(frames);
  return {
    stages,
    edges: edgeFrame === undefined ? chain(stages) : edgesOfFrame(edgeFrame),
    simulated: origin.simulated,
    originLabel: origin.label,
  };
}

function stageOfRow(frame: FrameLike, row: number): FlowStage {
  const text = (name: string) => textAt(fieldOf(frame, name), row);
  const number = (name: string) => numberAt(fieldOf(frame, name), row);
  const state = text('state') ?? '';
  const lag = number('lag');
  const p50 = number('latency_p50');
  const p99 = number('latency_p99');
  const unit = text('lag_unit');
  return {
    id: text('id') ?? String(row),
    title: text('title') ?? text('id') ?? `Stage ${row + 1}`,
    module: text('module') || null,
    state: (STATES.includes(state) ? state : 'unknown') as StageState,
    detail: text('detail') ?? '',
    rate: number('rate'),
    rateUnit: text('rate_unit') ?? 'records',
    total: number('total'),
    lag: lag === null ? null : { value: lag, unit: unit === 'bytes' || unit === 'records' ? unit : 'seconds' },
    latency: p50 === null && p99 === null ? null : { p50, p99, mean: null },
    rssBytes: number('rss_bytes'),
    cpuPercent: number('cpu_percent'),
    restarts: number('restarts'),
    figures: [],
    look: looksOf(frame, row),
  };
}

function looksOf(frame: FrameLike, row: number): Record<string, FigureLook> {
  const looks: Record<string, FigureLook> = {};
  for (const name of LOOKS) {
    const field = fieldOf(frame, name);
    const value = numberAt(field, row);
    if (field !== undefined && value !== null) {
      const look = lookOf(field, value);
      if (look.text !== undefined || look.color !== undefined) {
        looks[name] = look;
      }
    }
  }
  return looks;
}

/** Only what was asked for: without a unit or decimals of the user's our own texts stay. */
function lookOf(field: FieldLike, value: number): FigureLook {
  const shown = field.display?.(value);
  if (shown === undefined) {
    return {};
  }
  const config = field.config ?? {};
  const own = (config.unit !== undefined && config.unit !== '' && config.unit !== 'none') || typeof config.decimals === 'number';
  return {
    text: own ? `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}` : undefined,
    color: hasThresholds(field) ? shown.color : undefined,
  };
}

function edgesOfFrame(frame: FrameLike): FlowEdge[] {
  const [from, to, flow] = EDGE_NEEDS.map((name) => fieldOf(frame, name));
  const unit = fieldOf(frame, 'unit');
  return Array.from({ length: frame.length }, (_, row) => ({
    from: textAt(from, row) ?? '',
    to: textAt(to, row) ?? '',
    rate: numberAt(flow, row),
    unit: textAt(unit, row) ?? 'records',
  }));
}

function addFigures(stages: readonly FlowStage[], frame: FrameLike): void {
  const [of, label, text] = FIGURE_NEEDS.map((name) => fieldOf(frame, name));
  const unit = fieldOf(frame, 'unit');
  const value = fieldOf(frame, 'value');
  for (let row = 0; row < frame.length; row++) {
    stages
      .find(({ id }) => id === textAt(of, row))
      ?.figures.push({ label: textAt(label, row) ?? '', value: numberAt(value, row) ?? textAt(text, row) ?? '', unit: textAt(unit, row) ?? '' });
  }
}

function chain(stages: readonly FlowStage[]): FlowEdge[] {
  return stages.slice(1).map((stage, at) => ({ from: stages[at].id, to: stage.id, rate: stage.rate, unit: stage.rateUnit }));
}

/** How a stage looks: its state, or worse when its lag is above a limit. */
export function stageTone(stage: Stage, limits: LagLimits = {}): FlowTone {
  const own = tone(stage.state) as FlowTone;
  if (own === 'bad' || stage.lag === null || stage.lag.unit !== 'seconds') {
    return own;
  }
  if (limits.badSeconds !== undefined && stage.lag.value >= limits.badSeconds) {
    return 'bad';
  }
  return limits.warnSeconds !== undefined && stage.lag.value >= limits.warnSeconds ? 'warn' : own;
}

/** The state as people say it. */
export function stateText(stage: Stage): string {
  return word(stage.state);
}

/** Figures of a stage as text; a dash where there is none. */
export function rateText(stage: FlowStage): string {
  return stage.look?.rate?.text ?? (stage.rate === null ? '–' : `${rate(stage.rate)} ${stage.rateUnit}/s`);
}

/** Empty when there is no lag to tell. */
export function stageLag(stage: FlowStage): string {
  if (stage.lag === null) {
    return '';
  }
  const { value, unit } = stage.lag;
  return (stage.look?.lag?.text ?? lagText(stage.lag)) + (unit === 'seconds' ? skewNote(value) : '');
}

/** `2.1 ms · p99 9.8 ms`; empty while unknown. */
export function latencyText(stage: FlowStage): string {
  if (stage.latency === null) {
    return '';
  }
  const { p50, p99 } = stage.latency;
  const one = (name: 'p50' | 'p99') => stage.look?.[`latency_${name}`]?.text ?? duration((stage.latency?.[name] ?? NaN) * 1000);
  return `${one('p50')} · p99 ${one('p99')}${skewNote(p50, p99)}`;
}

/** A length of time as text: a dash while unknown. */
export function secondsText(seconds: number | null | undefined): string {
  return typeof seconds === 'number' ? duration(seconds * 1000) + skewNote(seconds) : '–';
}

/** Nothing is stored before it happened: a time below zero is two clocks that differ, and whoever shows it says so. */
function skewNote(...seconds: Array<number | null>): string {
  return seconds.some((value) => value !== null && value < 0) ? ' (clocks differ)' : '';
}

/** The rate on an arrow. */
export function edgeText(edge: FlowEdge): string {
  return edge.rate === null ? '–' : `${rate(edge.rate)}/s`;
}

/** Everything of a stage in one sentence, for screen readers. */
export function stageSentence(stage: FlowStage): string {
  const lag = stageLag(stage);
  const latency = latencyText(stage);
  return [
    stage.title,
    stateText(stage),
    stage.rate === null ? '' : rateText(stage),
    lag === '' ? '' : `lag ${lag}`,
    latency === '' ? '' : `latency ${latency}`,
    stage.detail,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/**
 * What a stage's box is called. It begins with the texts that are seen, word for word, so that who speaks them to a machine hits
 * the box (WCAG 2.5.3); the whole sentence follows where one of them was cut to fit.
 */
export function boxName(stage: FlowStage, shown: readonly string[]): string {
  const seen = shown.join(' ');
  return isCut(shown) ? `${seen}; ${stageSentence(stage)}` : seen;
}

/** Whether one of the texts was cut to fit, so that the whole is to be told elsewhere. */
export function isCut(shown: readonly string[]): boolean {
  return shown.some((text) => text.endsWith('…'));
}

/** All figures of a stage by name, for its detail; those that are not there are left out. */
export function stageFacts(stage: FlowStage): Array<{ label: string; value: string; color?: string }> {
  const look = (name: string) => stage.look?.[name];
  const facts: Array<{ label: string; value: string; color?: string } | undefined> = [
    { label: 'State', value: stateText(stage) },
    stage.detail === '' ? undefined : { label: 'Detail', value: stage.detail },
    { label: 'Rate', value: rateText(stage), color: look('rate')?.color },
    stage.total === null ? undefined : { label: 'Total', value: look('total')?.text ?? `${count(stage.total)} ${stage.rateUnit}` },
    stage.lag === null ? undefined : { label: 'Lag', value: stageLag(stage), color: look('lag')?.color },
    stage.latency === null ? undefined : { label: 'Latency, p50 and p99', value: latencyText(stage), color: look('latency_p99')?.color },
    stage.rssBytes === null ? undefined : { label: 'Memory', value: look('rss_bytes')?.text ?? memory(stage.rssBytes) },
    stage.cpuPercent === null
      ? undefined
      : { label: 'CPU, of one core', value: look('cpu_percent')?.text ?? `${stage.cpuPercent.toFixed(1)} %` },
    stage.restarts === null ? undefined : { label: 'Restarts', value: count(stage.restarts) },
    stage.module === null ? undefined : { label: 'Module', value: stage.module },
    ...stage.figures.map((figure) => ({ label: figure.label, value: figureText(figure) })),
  ];
  return facts.filter((fact) => fact !== undefined);
}

/** What a stage tells beside its rates, as text. */
export function figureText({ value, unit }: Stage['figures'][number]): string {
  if (typeof value !== 'number') {
    return `${value} ${unit}`.trim();
  }
  if (unit === 'bytes') {
    return bytes(value);
  }
  if (unit === 'seconds') {
    return secondsText(value);
  }
  return `${Number.isInteger(value) ? count(value) : rate(value)} ${unit}`.trim();
}
