import { css } from '@emotion/css';
import React, { useState, type SyntheticEvent } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Checkbox, Combobox, Field, Input, RadioButtonGroup, Stack, useStyles2 } from '@grafana/ui';
import type { Replay } from '../../api/types';
import { EMPTY_REPLAY, replayRequest, replayWords, TOPICS, type ReplayForm, type ReplayFormProblems } from '../../model/replay_form';
import { useApp } from '../App/AppContext';
import { useAction } from '../App/hooks';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { useConfirm } from '../parts/useConfirm';

/** Asks for a part of the log to be read again: as a dry run, which writes nothing, or to store what is missing. */
export function ReplayFormSection({ onStarted }: { onStarted: (replay: Replay) => void }) {
  const { api } = useApp();
  const styles = useStyles2(getStyles);
  const [form, setForm] = useState<ReplayForm>(EMPTY_REPLAY);
  const [problems, setProblems] = useState<ReplayFormProblems>({});
  const { confirm, dialog } = useConfirm();
  const action = useAction();
  const set = (change: Partial<ReplayForm>) => {
    setForm((last) => ({ ...last, ...change }));
    setProblems({});
  };
  const start = async (dryRun: boolean) => {
    const made = replayRequest(form, dryRun);
    setProblems(made.problems ?? {});
    if (made.request === undefined) {
      return;
    }
    const { request } = made;
    if (!dryRun) {
      const sure = await confirm({
        title: 'Replay and write?',
        body: `${replayWords(request)}. ${
          request.correcting
            ? 'Stored rows are replaced with what the transforms make of them now.'
            : 'Rows that are already stored stay as they are; what is missing is written.'
        }`,
        confirmText: 'Replay',
        destructive: request.correcting,
      });
      if (!sure) {
        return;
      }
    }
    await action.run(dryRun ? 'dry run' : 'replay', async () => onStarted((await api.startReplay(request)).replay));
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void start(true);
  };
  const text = (field: keyof ReplayForm, label: string, placeholder: string, description?: string) => (
    <Field label={label} description={description} noMargin error={problems[field]} invalid={problems[field] !== undefined}>
      <Input
        id={`replay-${field}`}
        name={field}
        width={26}
        value={String(form[field])}
        placeholder={placeholder}
        onChange={(event) => set({ [field]: event.currentTarget.value })}
      />
    </Field>
  );
  return (
    <Section title="New replay">
      {dialog}
      <form onSubmit={submit} className={styles.form}>
        <div className={styles.fields}>
          <Field label="Topic" noMargin>
            <Combobox
              id="replay-topic"
              aria-label="Topic"
              width={34}
              value={form.topic}
              options={TOPICS.map((topic) => ({ value: topic, label: topic }))}
              onChange={(option) => set({ topic: option.value })}
            />
          </Field>
          {text('partition', 'Partition', 'all')}
          <Field label="Range by" noMargin>
            <RadioButtonGroup
              options={[
                { value: 'offsets' as const, label: 'Offsets' },
                { value: 'times' as const, label: 'Times' },
              ]}
              value={form.by}
              onChange={(by) => set({ by })}
            />
          </Field>
          {form.by === 'offsets' ? (
            <>
              {text('fromOffset', 'From offset', 'first kept')}
              {text('untilOffset', 'Until offset, not included', 'end')}
            </>
          ) : (
            <>
              {text('fromTime', 'From, UTC', '2026-11-29 10:00:00')}
              {text('untilTime', 'Until, UTC, not included', '2026-11-29 11:00:00')}
            </>
          )}
        </div>
        <Checkbox
          label="Correcting"
          description="Takes the next revision, so that whole rows win over the stored ones: after a transform or mapping was mended"
          value={form.correcting}
          onChange={(event) => set({ correcting: event.currentTarget.checked })}
        />
        <Stack direction="row" gap={1} alignItems="center">
          <Button type="submit" disabled={action.busy !== undefined} tooltip="Reads and transforms, writes nothing">
            Dry run
          </Button>
          <Button
            type="button"
            variant="secondary"
            disabled={action.busy !== undefined}
            onClick={() => void start(false)}
          >
            Replay and write
          </Button>
        </Stack>
      </form>
      <ProblemAlert problem={action.problem} />
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  form: css({ display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: theme.spacing(2) }),
  fields: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(2), alignItems: 'flex-start' }),
});
