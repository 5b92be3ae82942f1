import React from 'react';
import { useLocation, useParams } from 'react-router';
import { locationService } from '@grafana/runtime';
import { Tab, TabsBar } from '@grafana/ui';
import { PageFrame } from '../components/App/PageFrame';
import { LetterList } from '../components/letters/LetterList';
import { ReplayTab } from '../components/replays/ReplayTab';
import { BASE_URL, ROUTES } from '../constants';

/** What could not be stored, and reading parts of the log again. */
export function DeadLettersPage() {
  const { id } = useParams();
  const { search } = useLocation();
  const replays = new URLSearchParams(search).get('tab') === 'replays';
  const base = `${BASE_URL}/${ROUTES.deadLetters}`;
  const go = (to: string) => (event?: React.MouseEvent) => {
    event?.preventDefault();
    locationService.push(to);
  };
  return (
    <PageFrame
      of={id === undefined ? undefined : 'Letter'}
      subTitle="Records that could not be stored, with cause and payload; and parts of the log read again"
    >
      <TabsBar>
        <Tab label="Dead letters" active={!replays} href={base} onChangeTab={go(base)} />
        <Tab label="Replays" active={replays} href={`${base}?tab=replays`} onChangeTab={go(`${base}?tab=replays`)} />
      </TabsBar>
      {replays ? <ReplayTab /> : <LetterList chosen={id} />}
    </PageFrame>
  );
}
