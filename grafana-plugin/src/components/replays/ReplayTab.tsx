import React, { useCallback, useState } from 'react';
import type { Replay } from '../../api/types';
import { useApp } from '../App/AppContext';
import { useLive, useReading } from '../App/hooks';
import { LoadingPlaceholder } from '@grafana/ui';
import { ProblemAlert } from '../parts/ProblemAlert';
import { ReplayFormSection } from './ReplayFormSection';
import { ReplayList } from './ReplayList';

/** Replays: a form for who may start one, and all of them with their progress. */
export function ReplayTab() {
  const { api, canOperate } = useApp();
  const read = useCallback((signal: AbortSignal) => api.replays({ signal }), [api]);
  const first = useReading(read);
  const [told, setTold] = useState<readonly Replay[]>();
  useLive(['replays'], undefined, {
    onEvent: (event) => setTold((event.data as { replays: Replay[] }).replays),
    onGap: first.reload,
  });
  const replays = told ?? first.data?.replays;
  // The answer of a change is newer than what the stream told last.
  const put = (replay: Replay) => setTold([replay, ...(replays ?? []).filter((other) => other.id !== replay.id)]);
  return (
    <>
      {canOperate && <ReplayFormSection onStarted={put} />}
      {replays === undefined && <ProblemAlert problem={first.problem} onRetry={first.reload} />}
      {replays === undefined && first.loading && <LoadingPlaceholder text="Reading replays" />}
      {replays !== undefined && <ReplayList replays={replays} onChanged={put} />}
    </>
  );
}
