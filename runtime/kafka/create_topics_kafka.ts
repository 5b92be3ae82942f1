import { setTimeout as timeout } from "node:timers/promises";
import type { Admin, ITopicConfig } from "kafkajs";
import { CandlewireError } from "../error.ts";

/** How long new topics may take to be known with a leader for each partition. */
const LEADERS_MS = 30_000;

/**
 * Creates topics and waits until each partition has a leader; what another made meanwhile is fine. kafkajs' own wait
 * fails when the broker that is asked has not heard of the topic yet. Rejects with kafkajs' errors, or
 * with `kafka.no_leader`.
 */
export async function createTopics(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  try {
    await admin.createTopics({ topics, waitForLeaders: false });
  } catch (error) {
    // The others of the request were made all the same.
    const errors = (error as { errors?: { type?: string }[] }).errors ?? [];
    if (errors.length === 0 || errors.some(({ type }) => type !== "TOPIC_ALREADY_EXISTS")) throw error;
  }
  const deadline = performance.now() + LEADERS_MS;
  for (;;) {
    try {
      const found = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) });
      const waiting = found.topics.find(({ partitions }) => partitions.some(({ leader }) => leader < 0));
      if (waiting === undefined) return;
      if (performance.now() > deadline) throw leaderless(waiting.name);
    } catch (error) {
      const { type, cause } = error as { type?: string; cause?: { type?: string } };
      const unknown = ["UNKNOWN_TOPIC_OR_PARTITION", "LEADER_NOT_AVAILABLE"].includes(
        type ?? cause?.type ?? "",
      );
      if (!unknown || performance.now() > deadline) throw error;
    }
    await timeout(20);
  }
}

function leaderless(topic: string): CandlewireError {
  return new CandlewireError(
    "kafka.no_leader",
    `Create topic ${topic}: a partition has no leader after ${LEADERS_MS / 1000} s`,
    { retry: "retry", hint: "Start the brokers that hold its replicas" },
  );
}
