import { openSqliteUnderTest } from "./sqlite-store-under-test.ts";
import { describeStoreContract } from "./store-contract.ts";

describeStoreContract("embedded store", openSqliteUnderTest);
