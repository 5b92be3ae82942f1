import type { Marked, Pipeline } from '../api/types';
import type { Problem } from './problem.ts';

/** One line of the answer to "does it work?". */
export type CheckLine = { ok: boolean; title: string; detail: string; hint: string | null };

/** The viewer's way: the pipeline's state was read, or why not. */
export function readCheck(answer: (Pipeline & Marked) | Problem): CheckLine {
  if ('kind' in answer) {
    const tokenHint = 'Copy "viewer" of tokens.json in the host\'s data folder into the viewer\'s token, and save';
    return {
      ok: false,
      title: answer.kind === 'token' ? "The viewer's token is refused" : answer.title,
      detail: answer.detail,
      hint: answer.kind === 'token' ? tokenHint : answer.hint,
    };
  }
  if (!Array.isArray(answer.stages) || typeof answer.profile !== 'string') {
    return {
      ok: false,
      title: 'No control API at this address',
      detail: 'Its answer has no stages of a pipeline',
      hint: 'Check the address: something else answers there',
    };
  }
  const market = answer.simulated ? `SIMULATED: ${answer.origin.label}` : answer.origin.label;
  const ready = answer.ready ? 'ready' : `not ready: ${answer.notReady.join('; ')}`;
  return {
    ok: true,
    title: 'The pipeline is read',
    detail: `Candlewire ${answer.version}, profile ${answer.profile}, ${market}, ${ready}`,
    hint: null,
  };
}

/**
 * The operator's way, asked without changing anything: an action on a module that does not exist. The control API looks at
 * the token first, so that "unknown module" means that the token is right.
 */
export function operateCheck(problem: Problem | undefined): CheckLine {
  if (problem === undefined || (problem.kind === 'not_found' && problem.code !== null)) {
    return { ok: true, title: 'The pipeline can be operated', detail: "The operator's token is accepted", hint: null };
  }
  const operator = 'Copy "operator" of tokens.json in the host\'s data folder into the operator\'s token, and save';
  if (problem.kind === 'token') {
    return {
      ok: false,
      title: problem.status === 403 ? "The operator's token may only read" : "The operator's token is refused",
      detail: problem.detail,
      hint: operator,
    };
  }
  return { ok: false, title: problem.title, detail: problem.detail, hint: problem.hint };
}

/** A module that no host has, for {@link operateCheck}. */
export const NO_MODULE = 'no-such-module';
