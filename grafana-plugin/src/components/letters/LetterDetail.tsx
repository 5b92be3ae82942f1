import React, { useCallback, useState } from 'react';
import { Button, ClipboardButton, LoadingPlaceholder, RadioButtonGroup, Stack } from '@grafana/ui';
import { count, prettyJson } from '../../../../runtime/console/format.js';
import { useApp } from '../App/AppContext';
import { useReading } from '../App/hooks';
import { Facts, Nothing, Payload, Time } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';

/** One dead letter: cause, position and payload, all as text. */
export function LetterDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const { api } = useApp();
  const [form, setForm] = useState<'pretty' | 'raw'>('pretty');
  const read = useCallback((signal: AbortSignal) => api.deadLetter(id, { signal }), [api, id]);
  const { data, problem, loading, reload } = useReading(read);
  const letter = data?.deadLetter;
  return (
    <Section
      title="Letter"
      note={<code>{id}</code>}
      actions={
        <Button size="sm" variant="secondary" icon="times" onClick={onClose}>
          Close
        </Button>
      }
    >
      {loading && <LoadingPlaceholder text="Reading the letter" />}
      <ProblemAlert problem={problem} onRetry={reload} />
      {letter !== undefined && (
        <>
          <Facts
            pairs={[
              ['Cause', letter.message],
              ['Code', <code key="code">{letter.code}</code>],
              ['Position', `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`],
              ['First failed', <Time key="first" at={letter.first_failed_at} form="full" />],
              ['Last failed', <Time key="last" at={letter.last_failed_at} form="full" />],
              ['Attempts', count(letter.attempts)],
              ['Key', letter.key === null ? 'none' : <code key="key">{letter.key}</code>],
            ]}
          />
          {letter.value === null ? (
            <Nothing title="It has no payload" />
          ) : (
            <>
              <Stack direction="row" gap={1} alignItems="center">
                <RadioButtonGroup
                  size="sm"
                  aria-label="Form of the payload"
                  options={[
                    { value: 'pretty' as const, label: 'JSON' },
                    { value: 'raw' as const, label: 'Raw' },
                  ]}
                  value={form}
                  onChange={setForm}
                />
                <ClipboardButton size="sm" variant="secondary" icon="copy" getText={() => letter.value ?? ''}>
                  Copy payload
                </ClipboardButton>
              </Stack>
              <Payload label="Payload" text={form === 'pretty' ? prettyJson(letter.value) : letter.value} />
            </>
          )}
        </>
      )}
    </Section>
  );
}
