import React from 'react';
import { Alert, Button, LinkButton, Stack } from '@grafana/ui';
import type { Problem } from '../../model/problem';
import { CONFIGURATION_URL } from './NotConfigured';

/** Why something failed and what to do about it. */
export function ProblemAlert({ problem, onRetry }: { problem: Problem | undefined; onRetry?: () => void }) {
  if (problem === undefined) {
    return null;
  }
  const configuration = ['token', 'unreachable', 'not_control_api'].includes(problem.kind);
  return (
    <Alert title={problem.title} severity={problem.kind === 'not_found' ? 'info' : 'error'} bottomSpacing={0}>
      <Stack direction="column" gap={1}>
        <div>
          {problem.detail}
          {problem.code !== null && (
            <>
              {' '}
              <code>{problem.code}</code>
            </>
          )}
        </div>
        {problem.hint !== null && <div>{problem.hint}</div>}
        {(onRetry !== undefined || configuration) && (
          <Stack direction="row" gap={1}>
            {onRetry !== undefined && (
              <Button size="sm" variant="secondary" icon="sync" onClick={onRetry}>
                Try again
              </Button>
            )}
            {configuration && (
              <LinkButton size="sm" variant="secondary" icon="cog" href={CONFIGURATION_URL}>
                Configuration
              </LinkButton>
            )}
          </Stack>
        )}
      </Stack>
    </Alert>
  );
}
