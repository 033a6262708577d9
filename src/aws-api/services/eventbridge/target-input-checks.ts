import type * as eventBridgeModule from "@aws-sdk/client-eventbridge";
import { targetKind } from "../../../buses/bus-delivery.ts";
import { eventsInvalid, eventsNotSupported } from "../../../buses/bus-errors.ts";
import type { RuleTarget } from "../../../buses/bus-records.ts";
import { findInputError } from "../../../buses/target-input.ts";
import { defined } from "./event-paging.ts";

/** Parameters of targets that are not here. */
const UNSUPPORTED = [
  "KinesisParameters",
  "RunCommandParameters",
  "EcsParameters",
  "BatchParameters",
  "HttpParameters",
  "RedshiftDataParameters",
  "SageMakerPipelineParameters",
  "AppSyncParameters",
] as const;

/**
 * Why a target is not taken: an entry of the answer for an ARN that is wrong, as AWS does it. Throws for what makes
 * the whole request wrong, and for what is not supported.
 */
export function targetProblem(
  target: eventBridgeModule.Target,
  ownBusArn: string,
): { ErrorCode: string; ErrorMessage: string } | undefined {
  const { Arn: arn = "", Id: id = "" } = target;
  for (const member of UNSUPPORTED) if (target[member] !== undefined) throw eventsNotSupported(member);
  const kind = targetKind(arn);
  if (!/^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:.+$/.test(arn))
    return {
      ErrorCode: "ValidationException",
      ErrorMessage: `Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`,
    };
  if (kind === undefined) throw eventsNotSupported(`A target such as ${arn}`);
  if (kind === "bus" && arn === ownBusArn)
    throw eventsInvalid(`Target ${id} can't be the event bus that the rule belongs to.`);
  if (kind === "queue" && arn.endsWith(".fifo") && target.SqsParameters?.MessageGroupId === undefined)
    throw eventsInvalid(`Parameter(s) SqsParameters must be specified for target: ${id}.`);
  if (kind !== "queue" && target.SqsParameters !== undefined)
    throw eventsInvalid(`Parameter(s) SqsParameters can't be used with target: ${id}.`);
  const problem = findInputError(target as RuleTarget);
  if (problem !== undefined) throw eventsInvalid(problem);
  return undefined;
}

/** The members that are kept. */
export function targetOf(target: eventBridgeModule.Target): RuleTarget {
  const { Id = "", Arn = "", RoleArn, Input, InputPath, InputTransformer } = target;
  const { SqsParameters, DeadLetterConfig, RetryPolicy } = target;
  return defined({
    Id,
    Arn,
    RoleArn,
    Input,
    InputPath,
    InputTransformer,
    SqsParameters,
    DeadLetterConfig,
    RetryPolicy,
  });
}
