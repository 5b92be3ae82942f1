/** The panel's options as saved in a dashboard: extend, do not rename. */
export type PipelineOptions = {
  show: 'flow' | 'table';
  lagWarnSeconds?: number;
  lagBadSeconds?: number;
};
