import { SqliteMarketStore } from "../../consumer/store/sqlite.ts";
import { SqliteMarketQuery } from "../sqlite.ts";
import { ORIGIN, type QuerySubject } from "./query_subject.ts";

/** The embedded profile's store: a file of its own for every test. */
export const sqliteSubject: QuerySubject = {
  name: "sqlite",
  skipped: "",
  exactDecimals: true,
  async make() {
    const folder = Deno.makeTempDirSync();
    const store = new SqliteMarketStore(`${folder}/store.db`, {
      origin: ORIGIN,
      writer: "consumer",
      epoch: 1,
    });
    const query = new SqliteMarketQuery(`${folder}/store.db`);
    return {
      store,
      query,
      async [Symbol.asyncDispose]() {
        await query[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
        Deno.removeSync(folder, { recursive: true });
      },
    };
  },
};
