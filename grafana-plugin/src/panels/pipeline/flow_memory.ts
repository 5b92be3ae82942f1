/** The flow from one update of a panel's data to the next. Pure but for what it remembers. */
import { framesWith, type FrameLike } from '../frame_reader.ts';
import { OriginMemory, type AnsweredData } from '../question.ts';
import { EDGE_NEEDS, FIGURE_NEEDS, STAGE_NEEDS, flowOfFrames, type FlowModel } from './model.ts';

/** Each frame has a live channel of its own: what one brought last is kept until its next. */
export class FlowMemory {
  #last: Array<FrameLike | undefined> = [];
  #origin = new OriginMemory();

  /** The flow of `data` and of the frames that came before it, or why there is none. */
  of(data: AnsweredData): FlowModel | { problem: string } {
    this.#last = [STAGE_NEEDS, EDGE_NEEDS, FIGURE_NEEDS].map((needs, at) => framesWith(data.series, needs)[0] ?? this.#last[at]);
    const known = this.#last.filter((frame) => frame !== undefined);
    const flow = flowOfFrames(known.length > 0 ? known : data.series);
    const origin = this.#origin.of(data);
    return 'problem' in flow ? flow : { ...flow, simulated: flow.simulated || origin.simulated, originLabel: flow.originLabel ?? origin.label };
  }
}
