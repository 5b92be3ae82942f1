import type { Position, TopicPartition } from "../change/record.ts";

/** `topic/partition`. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** `topic/partition/offset`. */
export function nameOfRecord({ topic, partition, offset }: Position): string {
  return `${topic}/${partition}/${offset}`;
}
