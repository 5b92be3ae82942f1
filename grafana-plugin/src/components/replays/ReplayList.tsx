import { css } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { count } from '../../../../runtime/console/format.js';
import type { Replay } from '../../api/types';
import { useApp } from '../App/AppContext';
import { useAction } from '../App/hooks';
import { DataTable, type Column } from '../parts/DataTable';
import { Nothing, Time } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { StateText } from '../parts/StateText';
import { useConfirm } from '../parts/useConfirm';

/** Replays, newest first, with their progress. */
export function ReplayList({ replays, onChanged }: { replays: readonly Replay[]; onChanged: (replay: Replay) => void }) {
  const { api, canOperate } = useApp();
  const styles = useStyles2(getStyles);
  const { confirm, dialog } = useConfirm();
  const action = useAction();
  const cancel = async (replay: Replay) => {
    const sure = await confirm({
      title: 'Cancel this replay?',
      body: replay.dry_run ? 'A dry run has written nothing.' : 'What it has written stays.',
      confirmText: 'Cancel the replay',
      dismissText: 'Let it run',
      destructive: true,
    });
    if (sure) {
      await action.run('cancel', async () => onChanged((await api.cancelReplay(replay.id)).replay));
    }
  };
  const columns: Array<Column<Replay>> = [
    { title: 'Created (UTC)', header: true, cell: (replay) => <Time at={replay.created_at} form="minute" /> },
    // What moves stands first: on a narrow page the end of the table is out of sight.
    {
      title: 'State',
      cell: (replay) => (
        <>
          <StateText state={replay.state} />
          {errorText(replay) !== '' && <div className={styles.error}>{errorText(replay)}</div>}
        </>
      ),
    },
    {
      title: 'Progress',
      cell: (replay) => {
        const done = replay.total === 0 && replay.state === 'done' ? 1 : replay.done;
        return (
          <div>
            <progress className={styles.progress} aria-label="Progress" max={Math.max(1, replay.total)} value={done} />
            <div>
              {count(replay.done)} / {count(replay.total)}
            </div>
          </div>
        );
      },
    },
    {
      title: 'Kind',
      cell: (replay) => [replay.dry_run ? 'dry run' : 'write', replay.correcting ? 'correcting' : ''].filter(Boolean).join(', '),
    },
    { title: 'Topic', cell: (replay) => replay.topic },
    {
      title: 'Partition: offsets',
      cell: (replay) =>
        replay.ranges.map((range) => (
          <div key={range.partition}>
            {range.partition}: {count(range.from)}–{count(range.until)}
          </div>
        )),
    },
    {
      title: 'Stored',
      help: 'Rows that were written; of a dry run, that would be',
      numeric: true,
      cell: (replay) => count(replay.stored),
    },
    {
      title: 'Unchanged',
      help: 'Rows that the store holds already, the same or newer',
      numeric: true,
      cell: (replay) => count(replay.unchanged),
    },
    { title: 'Filtered', numeric: true, cell: (replay) => count(replay.filtered) },
    { title: 'Failed', numeric: true, cell: (replay) => count(replay.failed) },
  ];
  if (canOperate) {
    columns.push({
      title: 'Actions',
      cell: (replay) =>
        replay.state === 'running' ? (
          <Button size="sm" variant="destructive" fill="outline" disabled={action.busy !== undefined} onClick={() => void cancel(replay)}>
            Cancel
          </Button>
        ) : null,
    });
  }
  return (
    <Section title="Replays">
      {dialog}
      <ProblemAlert problem={action.problem} />
      {replays.length === 0 ? (
        <Nothing title="No replays">A replay reads a part of the log again, as a dry run or to store what is missing.</Nothing>
      ) : (
        <DataTable caption="Replays, newest first" columns={columns} rows={replays} rowKey={(replay) => replay.id} maxHeight={520} />
      )}
    </Section>
  );
}

function errorText({ error }: Replay): string {
  return typeof error === 'string' ? error : (error?.message ?? '');
}

const getStyles = (theme: GrafanaTheme2) => ({
  error: css({ color: theme.colors.text.secondary, minWidth: 220, overflowWrap: 'anywhere', whiteSpace: 'normal' }),
  progress: css({ width: 120, accentColor: theme.colors.primary.main }),
});
