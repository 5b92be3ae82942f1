import React, { useCallback, useState, type ReactNode } from 'react';
import { ConfirmModal } from '@grafana/ui';

export type Question = {
  title: string;
  body: ReactNode;
  confirmText: string;
  dismissText?: string;
  /** What follows cannot be undone, or stops something. */
  destructive?: boolean;
};

/** Asks before a change: `confirm` resolves to the answer; `dialog` is to be rendered. */
export function useConfirm(): { confirm: (question: Question) => Promise<boolean>; dialog: ReactNode } {
  const [asked, setAsked] = useState<{ question: Question; answer: (sure: boolean) => void }>();
  const confirm = useCallback(
    (question: Question) => new Promise<boolean>((answer) => setAsked({ question, answer })),
    []
  );
  const close = (sure: boolean) => {
    asked?.answer(sure);
    setAsked(undefined);
  };
  const dialog =
    asked === undefined ? null : (
      <ConfirmModal
        isOpen
        title={asked.question.title}
        body={asked.question.body}
        confirmText={asked.question.confirmText}
        dismissText={asked.question.dismissText ?? 'Cancel'}
        confirmVariant={asked.question.destructive === true ? 'destructive' : 'primary'}
        onConfirm={() => close(true)}
        onDismiss={() => close(false)}
      />
    );
  return { confirm, dialog };
}
