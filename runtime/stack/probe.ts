import { loopback } from "./server_plan.ts";

/** How long a server may take to answer, ms. */
const TIMEOUT_MS = 2000;

/**
 * The ids of the brokers that a broker knows to be alive; empty when it does not answer. By a Metadata request (version 1,
 * no topics) of Kafka's protocol.
 */
export async function probeKafka(host: string, port: number): Promise<number[]> {
  const request = new DataView(new ArrayBuffer(18));
  request.setInt32(0, 14); // bytes that follow
  request.setInt16(4, 3); // Metadata
  request.setInt16(6, 1); // version
  request.setInt32(8, 1); // correlation id
  request.setInt16(12, -1); // client id: null
  request.setInt32(14, 0); // no topics
  const ids = await converse(host, port, async (send, receive) => {
    await send(new Uint8Array(request.buffer));
    const answer = await receive((await receive(4)).getInt32(0));
    const found: number[] = [];
    // Correlation id; then the brokers: id, host (length, text), port, rack (length or -1, text).
    let at = 8;
    for (let left = answer.getInt32(4); left > 0; left--) {
      found.push(answer.getInt32(at));
      at += 4 + 2 + answer.getInt16(at + 4) + 4;
      at += 2 + Math.max(0, answer.getInt16(at));
    }
    return found;
  });
  return ids ?? [];
}

/** Whether a node serves clients: it answers OPTIONS of the native protocol (version 4) with SUPPORTED. */
export async function probeCassandra(host: string, port: number): Promise<boolean> {
  return await converse(host, port, async (send, receive) => {
    await send(cqlFrame(5, []));
    return (await receive(9)).getUint8(4) === 6;
  }) ?? false;
}

/**
 * Whether a node sees `count` nodes up: a read of an empty system table, which has three replicas, at consistency TWO or
 * THREE. By STARTUP and QUERY of the native protocol (version 4).
 */
export async function probeCassandraNodes(host: string, port: number, count: 2 | 3): Promise<boolean> {
  return await converse(host, port, async (send, receive) => {
    const opcode = async () => {
      const head = await receive(9);
      await receive(head.getInt32(5));
      return head.getUint8(4);
    };
    await send(cqlFrame(1, [0, 1, ...cqlString("CQL_VERSION"), ...cqlString("3.0.0")]));
    if (await opcode() !== 2) return false; // READY
    const query = new TextEncoder().encode("SELECT * FROM system_distributed.repair_history LIMIT 1");
    await send(cqlFrame(7, [0, 0, 0, query.length, ...query, 0, count, 0]));
    return await opcode() === 8; // RESULT
  }) ?? false;
}

/** Whether PostgreSQL takes connections: it answers SSLRequest with one letter. */
export async function probePostgres(host: string, port: number): Promise<boolean> {
  const request = new DataView(new ArrayBuffer(8));
  request.setInt32(0, 8);
  request.setInt32(4, 80877103);
  return await converse(host, port, async (send, receive) => {
    await send(new Uint8Array(request.buffer));
    return "NS".includes(String.fromCharCode((await receive(1)).getUint8(0)));
  }) ?? false;
}

/** Whether the worker has joined its group and answers about connectors. */
export async function probeConnect(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${loopback(1)}:${port}/connectors`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** A frame of the native protocol: version 4, no flags, stream 0. */
function cqlFrame(opcode: number, body: number[]): Uint8Array {
  return new Uint8Array([4, 0, 0, 0, opcode, 0, 0, body.length >> 8, body.length & 255, ...body]);
}

function cqlString(text: string): number[] {
  return [0, text.length, ...new TextEncoder().encode(text)];
}

/** Talks to a server over a connection of its own; undefined when it does not answer in time, or not what is expected. */
async function converse<T>(
  host: string,
  port: number,
  talk: (
    send: (bytes: Uint8Array) => Promise<void>,
    receive: (length: number) => Promise<DataView>,
  ) => Promise<T>,
): Promise<T | undefined> {
  let connection: Deno.TcpConn | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    connection = await Deno.connect({ hostname: host, port });
    const open = connection;
    timer = setTimeout(() => open.close(), TIMEOUT_MS);
    return await talk(
      async (bytes) => {
        for (let at = 0; at < bytes.length;) at += await open.write(bytes.subarray(at));
      },
      async (length) => {
        if (length < 0 || length > 65_536) throw new RangeError(`An answer of ${length} bytes`);
        const bytes = new Uint8Array(length);
        for (let at = 0; at < length;) {
          const read = await open.read(bytes.subarray(at));
          if (read === null) throw new Error("The server closed the connection");
          at += read;
        }
        return new DataView(bytes.buffer);
      },
    );
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    try {
      connection?.close();
    } catch {
      // The timer closed it.
    }
  }
}
