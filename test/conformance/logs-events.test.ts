import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DeleteLogStreamCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  InvalidParameterException,
  ListTagsForResourceCommand,
  ListTagsLogGroupCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  paginateDescribeLogGroups,
  paginateDescribeLogStreams,
  paginateFilterLogEvents,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  TagLogGroupCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "111122223333";

describe("CloudWatch Logs with the JS SDK", () => {
  let lambent: RunningLambent;
  let logs: CloudWatchLogsClient;

  before(async () => {
    lambent = await startLambent();
    logs = client("eu-west-1");
  });
  after(async () => {
    logs.destroy();
    await lambent.stop();
  });

  function client(region: string): CloudWatchLogsClient {
    const credentials = { accessKeyId: ACCOUNT, secretAccessKey: "any" };
    return new CloudWatchLogsClient({ endpoint: lambent.endpoint, region, credentials, maxAttempts: 1 });
  }

  const makeStream = async (logGroupName: string, ...names: string[]) => {
    for (const logStreamName of names) {
      await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
    }
  };
  const put = (logGroupName: string, logStreamName: string, events: [timestamp: number, message: string][]) =>
    logs.send(
      new PutLogEventsCommand({
        logGroupName,
        logStreamName,
        logEvents: events.map(([timestamp, message]) => ({ timestamp, message })),
      }),
    );

  test("a group's life", async () => {
    const logGroupName = "/aws/lambda/life";
    await logs.send(new CreateLogGroupCommand({ logGroupName, tags: { team: "red" } }));
    await assert.rejects(
      logs.send(new CreateLogGroupCommand({ logGroupName })),
      ResourceAlreadyExistsException,
    );
    await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 14 }));
    const describeGroup = async () => {
      const found = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName }));
      return found.logGroups?.[0];
    };
    const group = await describeGroup();
    const arn = `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:${logGroupName}`;
    assert.equal(group?.arn, `${arn}:*`);
    assert.equal(group?.logGroupArn, arn);
    assert.equal(group?.retentionInDays, 14);
    assert.equal(group?.storedBytes, 0);
    await assert.rejects(
      logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 2 })),
      InvalidParameterException,
    );
    await logs.send(new DeleteRetentionPolicyCommand({ logGroupName }));
    assert.equal((await describeGroup())?.retentionInDays, undefined);
    await logs.send(new TagResourceCommand({ resourceArn: arn, tags: { cost: "1" } }));
    await logs.send(new TagLogGroupCommand({ logGroupName, tags: { old: "way" } }));
    await logs.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ["team"] }));
    const tags = await logs.send(new ListTagsForResourceCommand({ resourceArn: arn }));
    assert.deepEqual(tags.tags, { cost: "1", old: "way" });
    assert.deepEqual((await logs.send(new ListTagsLogGroupCommand({ logGroupName }))).tags, tags.tags);
    const elsewhere = client("us-east-1");
    assert.deepEqual((await elsewhere.send(new DescribeLogGroupsCommand({}))).logGroups, []);
    elsewhere.destroy();
    await logs.send(new DeleteLogGroupCommand({ logGroupName }));
    await assert.rejects(logs.send(new DeleteLogGroupCommand({ logGroupName })), (error: unknown) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "The specified log group does not exist.");
      return true;
    });
  });

  test("groups and streams are found by name, in pages", async () => {
    for (const name of ["page/a", "page/b", "page/c"]) {
      await logs.send(new CreateLogGroupCommand({ logGroupName: name }));
    }
    const pages: (string | undefined)[][] = [];
    const prefix = { logGroupNamePrefix: "page/" };
    for await (const page of paginateDescribeLogGroups({ client: logs, pageSize: 2 }, prefix)) {
      pages.push((page.logGroups ?? []).map(({ logGroupName }) => logGroupName));
    }
    assert.deepEqual(pages, [["page/a", "page/b"], ["page/c"]]);
    const byPattern = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePattern: "ge/b" }));
    assert.deepEqual(
      byPattern.logGroups?.map(({ logGroupName }) => logGroupName),
      ["page/b"],
    );
    const logGroupName = "page/a";
    await makeStream(logGroupName, "x1", "x2", "y1");
    await assert.rejects(makeStream(logGroupName, "x1"), ResourceAlreadyExistsException);
    const now = Date.now();
    await put(logGroupName, "y1", [[now - 2000, "1"]]);
    await put(logGroupName, "x1", [[now - 1000, "2"]]);
    const names: (string | undefined)[] = [];
    const byTime = { logGroupName, orderBy: "LastEventTime", descending: true } as const;
    for await (const page of paginateDescribeLogStreams({ client: logs, pageSize: 1 }, byTime)) {
      names.push(...(page.logStreams ?? []).map(({ logStreamName }) => logStreamName));
    }
    assert.deepEqual(names, ["x1", "y1", "x2"]);
    const byName = await logs.send(
      new DescribeLogStreamsCommand({ logGroupName, logStreamNamePrefix: "x", descending: true }),
    );
    assert.deepEqual(
      byName.logStreams?.map(({ logStreamName }) => logStreamName),
      ["x2", "x1"],
    );
    assert.equal(byName.logStreams?.[1]?.lastEventTimestamp, now - 1000);
    assert.equal(
      byName.logStreams?.[1]?.arn,
      `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:page/a:log-stream:x1`,
    );
    await assert.rejects(
      logs.send(new DescribeLogStreamsCommand({ ...byTime, logStreamNamePrefix: "x" })),
      /Cannot order by LastEventTime/,
    );
    await logs.send(new DeleteLogStreamCommand({ logGroupName, logStreamName: "x1" }));
    await assert.rejects(
      logs.send(new GetLogEventsCommand({ logGroupName, logStreamName: "x1" })),
      /The specified log stream does not exist\./,
    );
  });

  test("GetLogEvents reads to the end and knows it", async () => {
    const stream = { logGroupName: "get", logStreamName: "s/[$LATEST]1" };
    await logs.send(new CreateLogGroupCommand({ logGroupName: "get" }));
    await makeStream("get", stream.logStreamName);
    const now = Date.now();
    await put("get", stream.logStreamName, [
      [now, "a"],
      [now + 1, "b\n"],
      [now + 2, "ü\t"],
    ]);
    const first = await logs.send(new GetLogEventsCommand({ ...stream, startFromHead: true, limit: 2 }));
    assert.deepEqual(
      first.events?.map(({ message }) => message),
      ["a", "b\n"],
    );
    assert.equal(first.events?.[0]?.timestamp, now);
    const second = await logs.send(
      new GetLogEventsCommand({ ...stream, startFromHead: true, nextToken: first.nextForwardToken }),
    );
    assert.deepEqual(
      second.events?.map(({ message }) => message),
      ["ü\t"],
    );
    const third = await logs.send(
      new GetLogEventsCommand({ ...stream, startFromHead: true, nextToken: second.nextForwardToken }),
    );
    assert.deepEqual(third.events, []);
    assert.equal(third.nextForwardToken, second.nextForwardToken);
    await assert.rejects(
      put("get", stream.logStreamName, [
        [now, "b"],
        [now - 1, "a"],
      ]),
      /chronological order/,
    );
  });

  test("FilterLogEvents interleaves streams, filters and pages", async () => {
    const logGroupName = "filter";
    await logs.send(new CreateLogGroupCommand({ logGroupName }));
    await makeStream(logGroupName, "a1", "a2", "b");
    const now = Date.now() - 1000;
    for (let index = 0; index < 30; index++) {
      const name = ["a1", "a2", "b"][index % 3] ?? "";
      const level = index % 2 === 0 ? "ERROR" : "INFO";
      await put(logGroupName, name, [[now + index, JSON.stringify({ level, index })]]);
    }
    const search = async (rest: object, pageSize = 1000) => {
      const found: number[] = [];
      const ids = new Set<string | undefined>();
      for await (const page of paginateFilterLogEvents(
        { client: logs, pageSize },
        { logGroupName, ...rest },
      )) {
        for (const { message, eventId } of page.events ?? []) {
          found.push((JSON.parse(message ?? "") as { index: number }).index);
          ids.add(eventId);
        }
      }
      assert.equal(ids.size, found.length);
      return found;
    };
    const all = Array.from({ length: 30 }, (_, index) => index);
    assert.deepEqual(await search({}), all);
    assert.deepEqual(await search({}, 7), all);
    const even = all.filter((index) => index % 2 === 0);
    assert.deepEqual(await search({ filterPattern: "ERROR" }, 4), even);
    assert.deepEqual(
      await search({ filterPattern: '{ $.level = "ERROR" && $.index > 20 }' }),
      [22, 24, 26, 28],
    );
    assert.deepEqual(await search({ startTime: now + 10, endTime: now + 12 }), [10, 11, 12]);
    assert.deepEqual(
      await search({ logStreamNames: ["b"] }),
      all.filter((index) => index % 3 === 2),
    );
    assert.deepEqual(
      await search({ logStreamNamePrefix: "a" }),
      all.filter((index) => index % 3 !== 2),
    );
    const identifier = `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:${logGroupName}`;
    const byArn = await logs.send(new FilterLogEventsCommand({ logGroupIdentifier: identifier, limit: 1 }));
    assert.equal(byArn.events?.length, 1);
    assert.ok(byArn.nextToken);
    const ids = async () =>
      (await logs.send(new FilterLogEventsCommand({ logGroupName }))).events?.map(({ eventId }) => eventId);
    assert.deepEqual(await ids(), await ids());
    await assert.rejects(search({ filterPattern: "{ $.a" }), /Invalid filter pattern/);
    await assert.rejects(
      logs.send(new FilterLogEventsCommand({ logGroupName: "absent" })),
      ResourceNotFoundException,
    );
  });

  test("events outlive a restart", async () => {
    const logGroupName = "durable";
    const running = await startLambent();
    const make = (endpoint: string) =>
      new CloudWatchLogsClient({
        endpoint,
        region: "eu-west-1",
        credentials: { accessKeyId: ACCOUNT, secretAccessKey: "x" },
      });
    const before = make(running.endpoint);
    await before.send(new CreateLogGroupCommand({ logGroupName }));
    await before.send(new CreateLogStreamCommand({ logGroupName, logStreamName: "s" }));
    const logEvents = [{ timestamp: Date.now(), message: "kept" }];
    await before.send(new PutLogEventsCommand({ logGroupName, logStreamName: "s", logEvents }));
    await running.kill();
    const again = await startLambent({ dataDirectory: running.dataDirectory });
    const { events } = await make(again.endpoint).send(
      new FilterLogEventsCommand({ logGroupName, startTime: Date.now() - 60_000 }),
    );
    await again.stop();
    await rm(running.dataDirectory, { recursive: true, force: true });
    assert.deepEqual(
      events?.map(({ message }) => message),
      ["kept"],
    );
  });
});
