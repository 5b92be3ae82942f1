import { css } from '@emotion/css';
import React, { useCallback, useMemo, useState } from 'react';
import { locationService } from '@grafana/runtime';
import { Alert, Button, Checkbox, Combobox, LoadingPlaceholder, Stack } from '@grafana/ui';
import { count } from '../../../../runtime/console/format.js';
import type { DeadLetter, RetryChoice } from '../../api/types';
import { BASE_URL, ROUTES } from '../../constants';
import { pathOf } from '../../model/address';
import { useApp } from '../App/AppContext';
import { useAction, useLive, useReading } from '../App/hooks';
import { DataTable, type Column } from '../parts/DataTable';
import { Nothing, Time } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { useConfirm } from '../parts/useConfirm';
import { LetterDetail } from './LetterDetail';

const PAGE = 100;

/** Dead letters: choose, inspect, retry one, some or all, drop. */
export function LetterList({ chosen }: { chosen: string | undefined }) {
  const { api, canOperate } = useApp();
  const [code, setCode] = useState('');
  const [topic, setTopic] = useState('');
  const [most, setMost] = useState(PAGE);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [outcome, setOutcome] = useState<{ retried: number; stored: number; failed: number }>();
  const { confirm, dialog } = useConfirm();
  const action = useAction();

  const read = useCallback(
    async (signal: AbortSignal) => {
      const rows: DeadLetter[] = [];
      let cursor: string | null = null;
      do {
        const limit = Math.min(PAGE, most - rows.length);
        const page: { rows: DeadLetter[]; next: string | null } = await api.deadLetters({ limit, cursor, code, topic }, { signal });
        rows.push(...page.rows);
        cursor = page.next;
      } while (cursor !== null && rows.length < most);
      return { rows, more: cursor !== null };
    },
    [api, code, topic, most]
  );
  const letters = useReading(read);
  useLive(['dead-letters'], undefined, { onEvent: (event) => event.kind === 'change' && letters.reload(), onGap: letters.reload });

  const rows = useMemo(() => letters.data?.rows ?? [], [letters.data]);
  // A choice once seen stays to be chosen: after a retry its letters may be gone.
  const [seen, setSeen] = useState<{ codes: readonly string[]; topics: readonly string[] }>({ codes: [], topics: [] });
  const codes = union(seen.codes, rows.map((row) => row.code));
  const topics = union(seen.topics, rows.map((row) => row.topic));
  if (codes.length > seen.codes.length || topics.length > seen.topics.length) {
    setSeen({ codes, topics });
  }
  const here = rows.filter((row) => selected.has(row.id)).map((row) => row.id);
  const busy = action.busy !== undefined;

  const retry = (which: RetryChoice) =>
    action.run('retry', async () => {
      const answer = await api.retryDeadLetters(which);
      setOutcome({ retried: answer.retried, stored: answer.stored, failed: answer.failed });
      setSelected(new Set());
      letters.reload();
    });
  const retryMany = async (which: RetryChoice, what: string) => {
    const sure = await confirm({
      title: `Retry ${what}?`,
      body: 'Each is read, transformed and written again. Those that fail again stay here. Nothing is stored twice.',
      confirmText: 'Retry',
    });
    if (sure) {
      await retry(which);
    }
  };
  const drop = async (letter: DeadLetter) => {
    const sure = await confirm({
      title: 'Drop this dead letter?',
      body: `${letter.topic} ${letter.partition}/${letter.offset}: its record will never be stored. This cannot be undone.`,
      confirmText: 'Drop',
      destructive: true,
    });
    if (sure) {
      await action.run('drop', async () => {
        await api.dropDeadLetter(letter.id);
        if (letter.id === chosen) {
          close();
        }
        letters.reload();
      });
    }
  };
  const select = (ids: string[], on: boolean) =>
    setSelected((last) => new Set(on ? [...last, ...ids] : [...last].filter((id) => !ids.includes(id))));

  const columns: Array<Column<DeadLetter>> = [
    {
      title: 'Last failed (UTC)',
      cell: (letter) => <Time at={letter.last_failed_at} form="minute" />,
    },
    { title: 'Code', header: true, cell: (letter) => <code>{letter.code}</code> },
    {
      title: 'Cause',
      wrap: true,
      cell: (letter) => <Cause text={letter.message} />,
    },
    { title: 'Topic', cell: (letter) => letter.topic },
    { title: 'Partition', numeric: true, cell: (letter) => letter.partition },
    { title: 'Offset', numeric: true, cell: (letter) => letter.offset },
    { title: 'Attempts', numeric: true, cell: (letter) => count(letter.attempts) },
    {
      title: 'Actions',
      cell: (letter) => (
        <Stack direction="row" gap={0.5}>
          <Button size="sm" variant="secondary" onClick={() => open(letter.id)} aria-label={`Inspect ${nameOf(letter)}`}>
            Inspect
          </Button>
          {canOperate && (
            <>
              <Button
                size="sm"
                variant="secondary"
                disabled={busy}
                onClick={() => void retry({ ids: [letter.id] })}
                aria-label={`Retry ${nameOf(letter)}`}
              >
                Retry
              </Button>
              <Button
                size="sm"
                variant="destructive"
                fill="outline"
                disabled={busy}
                onClick={() => void drop(letter)}
                aria-label={`Drop ${nameOf(letter)}`}
              >
                Drop
              </Button>
            </>
          )}
        </Stack>
      ),
    },
  ];
  if (canOperate) {
    columns.unshift({
      title: 'Select',
      cell: (letter) => (
        <Checkbox
          aria-label={`Select ${nameOf(letter)}`}
          value={selected.has(letter.id)}
          onChange={(event) => select([letter.id], event.currentTarget.checked)}
        />
      ),
    });
  }
  const narrowed = code !== '' || topic !== '';
  return (
    <>
      {dialog}
      <ProblemAlert problem={action.problem} />
      {outcome !== undefined && (
        <Alert
          severity={outcome.failed > 0 ? 'warning' : 'success'}
          title={`Retried ${count(outcome.retried)}: ${count(outcome.stored)} stored, ${count(outcome.failed)} failed again`}
          bottomSpacing={0}
          onRemove={() => setOutcome(undefined)}
        />
      )}
      <Section
        title="Dead letters"
        note={letters.data === undefined ? undefined : `${count(rows.length)}${letters.data.more ? '+' : ''} kept${narrowed ? ', of this choice' : ''}`}
        actions={
          <>
            <Choice label="Code" value={code} values={codes} onChange={setCode} />
            <Choice label="Topic" value={topic} values={topics} onChange={setTopic} />
            {canOperate && (
              <>
                {here.length < rows.length ? (
                  <Button size="sm" variant="secondary" fill="text" onClick={() => select(rows.map((row) => row.id), true)}>
                    Select all shown
                  </Button>
                ) : (
                  rows.length > 0 && (
                    <Button size="sm" variant="secondary" fill="text" onClick={() => setSelected(new Set())}>
                      Select none
                    </Button>
                  )
                )}
                <Button
                  size="sm"
                  variant="secondary"
                  disabled={busy || here.length === 0}
                  onClick={() => void retryMany({ ids: here }, `${count(here.length)} selected`)}
                >
                  Retry selected{here.length > 0 ? ` (${here.length})` : ''}
                </Button>
                <Button
                  size="sm"
                  disabled={busy || rows.length === 0}
                  onClick={() =>
                    void retryMany(
                      narrowed ? { ...(code !== '' && { code }), ...(topic !== '' && { topic }) } : { all: true },
                      narrowed ? `all of ${[code, topic].filter(Boolean).join(' in ')}` : 'all dead letters'
                    )
                  }
                >
                  {narrowed ? 'Retry all that match' : 'Retry all'}
                </Button>
              </>
            )}
          </>
        }
      >
        <ProblemAlert problem={letters.problem} onRetry={letters.reload} />
        {letters.loading && <LoadingPlaceholder text="Reading dead letters" />}
        {letters.data !== undefined && rows.length === 0 && (
          <Nothing title={narrowed ? 'None match' : 'No dead letters'}>
            {narrowed ? 'Choose another code or topic.' : 'Every record was stored or filtered by a named rule.'}
          </Nothing>
        )}
        {rows.length > 0 && (
          <DataTable
            caption="Dead letters, newest first"
            columns={columns}
            rows={rows}
            rowKey={(letter) => letter.id}
            selected={chosen}
            maxHeight={520}
          />
        )}
        {letters.data?.more === true && (
          <div>
            <Button size="sm" variant="secondary" onClick={() => setMost(most + PAGE)}>
              Load more
            </Button>
          </div>
        )}
      </Section>
      {chosen !== undefined && <LetterDetail key={chosen} id={chosen} onClose={close} />}
    </>
  );
}

function Choice(props: { label: string; value: string; values: readonly string[]; onChange: (value: string) => void }) {
  const all = { value: '', label: `Every ${props.label.toLowerCase()}` };
  return (
    <Combobox
      aria-label={props.label}
      width="auto"
      minWidth={18}
      value={props.value}
      options={[all, ...props.values.map((value) => ({ value, label: value }))]}
      onChange={(option) => props.onChange(option.value)}
    />
  );
}

/** Its beginning; the whole is in the tooltip and in the letter. */
function Cause({ text }: { text: string }) {
  return (
    <div className={CAUSE} title={text}>
      {text}
    </div>
  );
}

// No other way puts an ellipsis after several lines.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const CAUSE = css({ display: '-webkit-box', overflow: 'hidden', WebkitBoxOrient: 'vertical', WebkitLineClamp: 3 });

const nameOf = (letter: DeadLetter) => `the letter of ${letter.topic} ${letter.partition}/${letter.offset}`;
const open = (id: string) => locationService.push(`${BASE_URL}/${ROUTES.deadLetters}/${pathOf(id)}`);
const close = () => locationService.push(`${BASE_URL}/${ROUTES.deadLetters}`);

function union(kept: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...kept, ...more])].sort();
}
