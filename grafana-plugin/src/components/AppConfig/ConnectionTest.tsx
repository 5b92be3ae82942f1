import React, { useMemo, useState } from 'react';
import { config, hasPermission } from '@grafana/runtime';
import { Alert, Button, FieldSet, Stack } from '@grafana/ui';
import { ControlApi } from '../../api/control_api';
import { ACTION_OPERATE } from '../../constants';
import { NO_MODULE, operateCheck, readCheck, type CheckLine } from '../../model/connection_check';
import { asProblem, useAction } from '../App/hooks';

/** Tries the saved settings by Grafana's proxy, as the pages use them, and tells exactly what is wrong. */
export function ConnectionTest({ reason, withOperator }: { reason: string | undefined; withOperator: boolean }) {
  const [lines, setLines] = useState<CheckLine[]>();
  const { busy, run } = useAction();
  const api = useMemo(
    () =>
      new ControlApi({
        subUrl: config.appSubUrl ?? '',
        orgId: config.bootData.user?.orgId ?? 1,
        actor: config.bootData.user?.login ?? '',
        onMarked: () => undefined,
      }),
    []
  );
  const test = () =>
    run('test', async () => {
      const reading = readCheck(await api.pipeline().catch(asProblem));
      const found = [reading];
      // Without the address right there is nothing to learn from a second call.
      if (withOperator && (reading.ok || reading.title.startsWith('The viewer'))) {
        found.push(await operating(api));
      }
      setLines(found);
    });
  return (
    <FieldSet label="Connection">
      <Stack direction="column" gap={1} alignItems="flex-start">
        <Button variant="secondary" disabled={busy !== undefined || reason !== undefined} onClick={() => void test()}>
          {busy === undefined ? 'Test' : 'Testing…'}
        </Button>
        {reason !== undefined && <span>{reason}</span>}
      </Stack>
      {lines?.map((line) => (
        <Alert key={line.title} severity={line.ok ? 'success' : 'error'} title={line.title} topSpacing={2} bottomSpacing={0}>
          {line.detail}
          {line.hint !== null && <div>{line.hint}</div>}
        </Alert>
      ))}
    </FieldSet>
  );
}

async function operating(api: ControlApi): Promise<CheckLine> {
  if (!hasPermission(ACTION_OPERATE)) {
    return {
      ok: false,
      title: "The operator's token was not tried",
      detail: 'Your own role may not operate the pipeline, so Grafana would refuse the call',
      hint: 'Ask for the role Pipeline operator of this app, or let an administrator test',
    };
  }
  try {
    await api.actOnModule(NO_MODULE, 'restart');
    return operateCheck(undefined);
  } catch (error) {
    return operateCheck(asProblem(error));
  }
}
