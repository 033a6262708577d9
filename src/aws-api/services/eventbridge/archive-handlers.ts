import type * as eventBridgeModule from "@aws-sdk/client-eventbridge";
import { eventsInvalid, eventsNotFound, eventsNotSupported } from "../../../buses/bus-errors.ts";
import {
  archiveArn,
  parseBusArn,
  parseRuleArn,
  replayArn,
  type StoredArchive,
  type StoredReplay,
} from "../../../buses/bus-records.ts";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import type { EventBridgeHandlers } from "./bus-handlers.ts";
import { byName, dateOf, defined, pageOf } from "./event-paging.ts";

/** Archives of event buses. */
export function archiveHandlers({ archives, buses, clock, newEventId }: EventBridge): EventBridgeHandlers {
  return {
    CreateArchive: async (input, context) => {
      refuseKey(input);
      const source = parseBusArn(input.EventSourceArn ?? "");
      if (source === undefined || buses.find(source) === undefined)
        throw eventsNotFound(`Event bus ${source?.name ?? input.EventSourceArn ?? ""} does not exist.`);
      const { account, region } = context;
      const archive: StoredArchive = {
        account,
        region,
        name: input.ArchiveName ?? "",
        archiveId: newEventId(),
        sourceArn: input.EventSourceArn ?? "",
        description: input.Description,
        eventPattern: input.EventPattern,
        retentionDays: input.RetentionDays ?? 0,
        createdAtMs: clock.nowMs(),
      };
      await archives.create(archive);
      return createdShape(archive);
    },
    DescribeArchive: async (input, context) => {
      const archive = archives.archive(context, input.ArchiveName ?? "");
      const { description, eventPattern } = archive;
      const shape = archiveShape(archive, await archives.statistics(archive));
      return defined({
        ...shape,
        ArchiveArn: archiveArn(archive),
        Description: description,
        EventPattern: eventPattern,
      });
    },
    ListArchives: async (input, context) => {
      const { NamePrefix: prefix, EventSourceArn: sourceArn, State: state } = input;
      if ([prefix, sourceArn, state].filter((filter) => filter !== undefined).length > 1)
        throw eventsInvalid(
          "At most one filter is allowed for ListArchives. Use one of: State, EventSourceArn, or NamePrefix.",
        );
      const wanted = archives
        .list(context)
        .filter(({ name }) => name.startsWith(prefix ?? ""))
        .filter((archive) => sourceArn === undefined || archive.sourceArn === sourceArn)
        .filter(() => state === undefined || state === "ENABLED");
      const { page, ...next } = pageOf(wanted.sort(byName), input, ({ name }) => name);
      const shapes = page.map(async (archive) => archiveShape(archive, await archives.statistics(archive)));
      return { Archives: await Promise.all(shapes), ...next };
    },
    UpdateArchive: async (input, context) => {
      refuseKey(input);
      const { Description: description, EventPattern: eventPattern, RetentionDays: retentionDays } = input;
      const changes = { description, eventPattern, retentionDays };
      return createdShape(await archives.update(context, input.ArchiveName ?? "", changes));
    },
    DeleteArchive: async (input, context) => {
      await archives.delete(context, input.ArchiveName ?? "");
      return {};
    },
  };
}

/** Replays of archives. */
export function replayHandlers({ archives, replays, buses, clock }: EventBridge): EventBridgeHandlers {
  return {
    StartReplay: async (input, context) => {
      const replay = replayOf(input, context, clock.nowMs());
      const archive = archives.list(context).find((each) => archiveArn(each) === replay.archiveArn);
      if (archive === undefined)
        throw eventsInvalid(
          "Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN that exists.",
        );
      if (archive.sourceArn !== replay.destinationArn)
        throw eventsInvalid(
          "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        );
      buses.bus(context, replay.destinationArn);
      await replays.create(replay);
      return {
        ReplayArn: replayArn(replay),
        State: "STARTING",
        ReplayStartTime: new Date(replay.startedAtMs),
      };
    },
    DescribeReplay: (input, context) => {
      const replay = replays.replay(context, input.ReplayName ?? "");
      const { description, destinationArn, ruleArns } = replay;
      const filters = ruleArns.length === 0 ? {} : { FilterArns: [...ruleArns] };
      return defined({
        ...replayShape(replay),
        ReplayArn: replayArn(replay),
        Description: description,
        Destination: { Arn: destinationArn, ...filters },
      });
    },
    ListReplays: (input, context) => {
      const { NamePrefix: prefix, EventSourceArn: sourceArn, State: state } = input;
      if ([prefix, sourceArn, state].filter((filter) => filter !== undefined).length > 1)
        throw eventsInvalid(
          "At most one filter is allowed for ListReplays. Use one of: State, EventSourceArn, or NamePrefix.",
        );
      const wanted = replays
        .list(context)
        .filter(({ name }) => name.startsWith(prefix ?? ""))
        .filter((replay) => sourceArn === undefined || replay.archiveArn === sourceArn)
        .filter((replay) => state === undefined || replay.state === state);
      const { page, ...next } = pageOf(wanted.sort(byName), input, ({ name }) => name);
      return { Replays: page.map(replayShape), ...next };
    },
    CancelReplay: async (input, context) => {
      const { ReplayName: name = "" } = input;
      const replay = replays.replay(context, name);
      await replays.cancel(context, name);
      return { ReplayArn: replayArn(replay), State: "CANCELLING" };
    },
  };
}

function refuseKey(input: { readonly KmsKeyIdentifier?: string | undefined }): void {
  if (input.KmsKeyIdentifier !== undefined && input.KmsKeyIdentifier !== "")
    throw eventsNotSupported("KmsKeyIdentifier");
}

function replayOf(
  input: eventBridgeModule.StartReplayRequest,
  { account, region }: { readonly account: string; readonly region: string },
  nowMs: number,
): StoredReplay {
  const ruleArns = input.Destination?.FilterArns ?? [];
  const eventsFromMs = input.EventStartTime?.getTime() ?? 0;
  const eventsToMs = input.EventEndTime?.getTime() ?? 0;
  if (eventsFromMs >= eventsToMs)
    throw eventsInvalid(
      "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
    );
  const wrong = ruleArns.find((arn) => parseRuleArn(arn) === undefined);
  if (wrong !== undefined)
    throw eventsInvalid(`Parameter Destination.FilterArns is not valid. Reason: ${wrong} is no rule's ARN.`);
  return {
    account,
    region,
    name: input.ReplayName ?? "",
    description: input.Description,
    archiveArn: input.EventSourceArn ?? "",
    destinationArn: input.Destination?.Arn ?? "",
    ruleArns,
    eventsFromMs,
    eventsToMs,
    state: "STARTING",
    startedAtMs: nowMs,
  };
}

const createdShape = (archive: StoredArchive) => ({
  ArchiveArn: archiveArn(archive),
  State: "ENABLED" as const,
  CreationTime: new Date(archive.createdAtMs),
});

function archiveShape(
  archive: StoredArchive,
  { eventCount, sizeBytes }: { readonly eventCount: number; readonly sizeBytes: number },
): eventBridgeModule.Archive {
  return {
    ArchiveName: archive.name,
    EventSourceArn: archive.sourceArn,
    State: "ENABLED",
    RetentionDays: archive.retentionDays,
    SizeBytes: sizeBytes,
    EventCount: eventCount,
    CreationTime: new Date(archive.createdAtMs),
  };
}

function replayShape(replay: StoredReplay): eventBridgeModule.Replay {
  return defined({
    ReplayName: replay.name,
    EventSourceArn: replay.archiveArn,
    State: replay.state,
    StateReason: replay.stateReason,
    EventStartTime: new Date(replay.eventsFromMs),
    EventEndTime: new Date(replay.eventsToMs),
    EventLastReplayedTime: dateOf(replay.lastReplayedMs),
    ReplayStartTime: new Date(replay.startedAtMs),
    ReplayEndTime: dateOf(replay.endedAtMs),
  });
}
