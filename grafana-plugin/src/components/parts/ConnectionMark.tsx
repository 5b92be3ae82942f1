import React from 'react';
import { Badge, Button } from '@grafana/ui';
import { useApp } from '../App/AppContext';
import { useConnection } from '../App/hooks';

/** The state of the event stream; nothing on a page that does not listen. */
export function ConnectionMark() {
  const { live } = useApp();
  const connection = useConnection();
  switch (connection.state) {
    case 'idle':
      return null;
    case 'live':
      return <Badge text="Live" color="green" icon="circle" tooltip="Changes arrive as they happen" />;
    case 'connecting':
      return <Badge text="Connecting" color="blue" icon="circle" />;
    case 'paused':
      return <Badge text="Paused" color="blue" icon="pause" tooltip="Hidden pages read nothing" />;
    case 'waiting': {
      const { title, detail, hint } = connection.problem;
      return (
        <>
          <Badge
            text="Not live"
            color="red"
            icon="exclamation-triangle"
            tooltip={[title, detail, hint].filter(Boolean).join('. ')}
          />
          <Button size="sm" variant="secondary" onClick={live.retryNow}>
            Connect now
          </Button>
        </>
      );
    }
  }
}
