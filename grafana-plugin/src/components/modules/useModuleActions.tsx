import type { ReactNode } from 'react';
import { whyNot } from '../../../../runtime/console/module/module_row.js';
import type { Module, ModuleAction } from '../../api/types';
import type { Problem } from '../../model/problem';
import { useApp } from '../App/AppContext';
import { useAction } from '../App/hooks';
import { useConfirm } from '../parts/useConfirm';

export type ModuleActions = {
  /** `<action> <module>` that is under way. */
  busy: string | undefined;
  problem: Problem | undefined;
  dialog: ReactNode;
  /** Why an action makes no sense now; null when it does. */
  whyNot: (module: Module, action: ModuleAction) => string | null;
  act: (module: Module, action: ModuleAction) => Promise<void>;
  approve: (module: Module) => Promise<void>;
};

const CONSEQUENCES: Record<ModuleAction, string> = {
  start: 'It goes on where it stopped.',
  stop: 'The flow halts at this stage until it is started again. Nothing is lost: the stages before it wait.',
  restart: 'It drains, stops and starts again. The stages before it wait that long; nothing is lost.',
};

/** Start, stop, restart and approve, each asked for before it is done. */
export function useModuleActions(onChanged: (module: Module) => void): ModuleActions {
  const { api } = useApp();
  const { confirm, dialog } = useConfirm();
  const { busy, problem, run } = useAction();
  return {
    busy,
    problem,
    dialog,
    whyNot: (module, action) => {
      const under = busy?.endsWith(` ${module.name}`) ? busy.split(' ')[0] : undefined;
      return whyNot(module, action, under) ?? (busy === undefined ? null : 'Another change is under way');
    },
    act: async (module, action) => {
      const name = action.charAt(0).toUpperCase() + action.slice(1);
      const sure = await confirm({
        title: `${name} ${module.name}?`,
        body: CONSEQUENCES[action],
        confirmText: `${name} ${module.name}`,
        destructive: action !== 'start',
      });
      if (sure) {
        await run(`${action} ${module.name}`, async () => onChanged((await api.actOnModule(module.name, action)).module));
      }
    },
    approve: async (module) => {
      // A module that runs goes on with its approved code while the changed one waits.
      const digest = module.pendingDigest ?? module.digest;
      const sure = await confirm({
        title: `Approve the changed code of ${module.name}?`,
        body: `It will run with the permissions listed. Digest ${digest}`,
        confirmText: 'Approve',
      });
      if (sure) {
        await run(`approve ${module.name}`, async () => onChanged((await api.approveModule(module.name, digest)).module));
      }
    },
  };
}
