import cassandra from "cassandra-driver";

const { RetryPolicy } = cassandra.policies.retry;
type Decision = cassandra.policies.retry.DecisionInfo;
type Info = cassandra.policies.retry.OperationInfo;

/**
 * Tries a statement once on the next node where that can help and can do no harm; everything else is the caller's to
 * decide, who knows whether it may wait. The driver asks only for statements said to be idempotent, except for a node
 * that says beforehand that too few replicas are up: that one has done nothing.
 *
 * What is overloaded or timed out is not sent again from here: that would be more load at the worst moment.
 */
export class CassandraRetryPolicy extends RetryPolicy {
  override onUnavailable(info: Info): Decision {
    return this.#nextNodeOnce(info);
  }

  override onReadTimeout(_info: Info): Decision {
    return this.rethrowResult();
  }

  override onWriteTimeout(_info: Info): Decision {
    return this.rethrowResult();
  }

  /** A connection lost, a node that stopped answering, is starting or refuses. */
  override onRequestError(info: Info, _consistency: number, error: Error): Decision {
    const { code } = error as { code?: number };
    if (code === cassandra.types.responseErrorCodes.overloaded) return this.rethrowResult();
    return this.#nextNodeOnce(info);
  }

  #nextNodeOnce(info: Info): Decision {
    if (info.nbRetry > 0) return this.rethrowResult();
    // No level given: the statement's own, which the types forget.
    return this.retryResult(undefined as unknown as cassandra.types.consistencies, false);
  }
}
