import React from 'react';
import { Alert } from '@grafana/ui';
import type { Pipeline } from '../../api/types';

/** Says what keeps the pipeline from being ready; nothing when it is. */
export function Readiness({ pipeline }: { pipeline: Pipeline }) {
  if (pipeline.ready) {
    return null;
  }
  return (
    <Alert severity="warning" title="The pipeline is not ready" bottomSpacing={0}>
      <ul style={{ margin: 0, paddingLeft: '1.2em' }}>
        {pipeline.notReady.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </Alert>
  );
}
