import React from 'react';
import { TextLink } from '@grafana/ui';
import { count, memory, sentence } from '../../../../runtime/console/format.js';
import type { Stage } from '../../api/types';
import { BASE_URL, ROUTES } from '../../constants';
import { pathOf } from '../../model/address';
import { figureText, rateText, secondsText, stageLag } from '../../panels/pipeline/model';
import { DataTable, type Column } from '../parts/DataTable';
import { StateText } from '../parts/StateText';

const COLUMNS: ReadonlyArray<Column<Stage>> = [
  {
    title: 'Stage',
    header: true,
    cell: (stage) =>
      stage.module === null ? (
        stage.title
      ) : (
        <TextLink href={`${BASE_URL}/${ROUTES.modules}/${pathOf(stage.module)}`} inline={false} variant="bodySmall">
          {stage.title}
        </TextLink>
      ),
  },
  { title: 'State', cell: (stage) => <StateText state={stage.state} /> },
  {
    title: 'Detail',
    wrap: true,
    cell: (stage) =>
      [sentence(stage.detail), ...stage.figures.map((figure) => `${figure.label} ${figureText(figure)}`)]
        .filter((text) => text !== '')
        .join(' · '),
  },
  { title: 'Rate', numeric: true, cell: rateText },
  { title: 'Total', help: 'Since its module started', numeric: true, cell: (stage) => count(stage.total) },
  { title: 'Lag', help: 'How far it is behind the stage before it', numeric: true, cell: (stage) => stageLag(stage) || '–' },
  { title: 'p50', help: 'Latency over the last minute', numeric: true, cell: (stage) => secondsText(stage.latency?.p50) },
  { title: 'p99', help: 'Latency over the last minute', numeric: true, cell: (stage) => secondsText(stage.latency?.p99) },
  {
    title: 'CPU',
    help: 'Of one core',
    numeric: true,
    cell: (stage) => (typeof stage.cpuPercent === 'number' ? `${stage.cpuPercent.toFixed(1)} %` : '–'),
  },
  { title: 'Memory', numeric: true, cell: (stage) => memory(stage.rssBytes) },
  { title: 'Restarts', numeric: true, cell: (stage) => (stage.restarts === null ? '–' : count(stage.restarts)) },
];

/** Every stage with its state and figures. */
export function StageTable({ stages }: { stages: readonly Stage[] }) {
  return <DataTable caption="Stages of the pipeline" columns={COLUMNS} rows={stages} rowKey={(stage) => `${stage.id} ${stage.module ?? ''}`} />;
}
