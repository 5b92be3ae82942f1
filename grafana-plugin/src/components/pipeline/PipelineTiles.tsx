import React from 'react';
import { bytes, count, duration, memory } from '../../../../runtime/console/format.js';
import type { Pipeline } from '../../api/types';
import { secondsText } from '../../panels/pipeline/model';
import { Tiles } from '../parts/Figures';

/** The figures of the whole pipeline. */
export function PipelineTiles({ pipeline }: { pipeline: Pipeline }) {
  const store = pipeline.stages.find((stage) => stage.id === 'store');
  const latency = store?.latency ?? pipeline.stages.find((stage) => stage.id === 'consumer')?.latency ?? null;
  const rss = pipeline.stages.reduce((sum, stage) => sum + (stage.rssBytes ?? 0), 0);
  return (
    <Tiles
      tiles={[
        { label: 'Ready', value: pipeline.ready ? 'Yes' : 'No', help: pipeline.notReady.join('\n') },
        { label: 'Stored rows', value: count(store?.total), help: 'Since the consumer started' },
        { label: 'End to end p50', value: secondsText(latency?.p50), help: 'Event time to durable in the store, last minute' },
        { label: 'End to end p99', value: secondsText(latency?.p99), help: 'Event time to durable in the store, last minute' },
        { label: 'Memory', value: rss === 0 ? '–' : memory(rss), help: 'Resident memory of the stages that are our processes' },
        ...Object.entries(pipeline.diskBytes ?? {}).map(([name, size]) => ({
          label: `Disk: ${name}`,
          value: bytes(size),
          help: 'On disk now',
        })),
        { label: 'Uptime', value: duration(pipeline.uptimeMs), help: `Of the host; profile ${pipeline.profile}, version ${pipeline.version}` },
      ]}
    />
  );
}
