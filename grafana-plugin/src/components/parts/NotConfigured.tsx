import React from 'react';
import { EmptyState, LinkButton } from '@grafana/ui';
import { APP_ID } from '../../constants';

export const CONFIGURATION_URL = `/plugins/${APP_ID}?page=configuration`;

/** The app has no address of a control API yet. */
export function NotConfigured() {
  return (
    <EmptyState
      variant="call-to-action"
      hideImage
      message="The app is not configured yet"
      button={
        <LinkButton href={CONFIGURATION_URL} icon="cog">
          Open the configuration
        </LinkButton>
      }
    >
      Give the address of the control API and the two tokens that its host wrote to tokens.json.
    </EmptyState>
  );
}
