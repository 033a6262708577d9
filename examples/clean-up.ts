import { type CloudWatchLogsClient, DeleteLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DeleteRoleCommand, DeleteRolePolicyCommand, type IAMClient } from "@aws-sdk/client-iam";
import {
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from "@aws-sdk/client-s3";
import { DeleteScheduleCommand, type SchedulerClient } from "@aws-sdk/client-scheduler";
import { DeleteQueueCommand, type SQSClient } from "@aws-sdk/client-sqs";

interface Clients {
  readonly iam: IAMClient;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly s3: S3Client;
  readonly scheduler: SchedulerClient;
  readonly sqs: SQSClient;
}

/** What a demonstration has made, to be taken away again in reverse. */
export class CleanUp {
  readonly #clients: Clients;
  readonly #actions: (() => Promise<unknown>)[] = [];

  constructor(clients: Clients) {
    this.#clients = clients;
  }

  function(FunctionName: string): void {
    const { lambda, logs } = this.#clients;
    this.#add(() => lambda.send(new DeleteFunctionCommand({ FunctionName })));
    this.#add(() => logs.send(new DeleteLogGroupCommand({ logGroupName: `/aws/lambda/${FunctionName}` })));
  }

  /** With its objects, as far as they stand on one page. */
  bucket(Bucket: string): void {
    const { s3 } = this.#clients;
    this.#add(async () => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
      for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
      await s3.send(new DeleteBucketCommand({ Bucket }));
    });
  }

  queue(QueueUrl: string): void {
    this.#add(() => this.#clients.sqs.send(new DeleteQueueCommand({ QueueUrl })));
  }

  mapping(UUID: string): void {
    this.#add(() => this.#clients.lambda.send(new DeleteEventSourceMappingCommand({ UUID })));
  }

  schedule(Name: string): void {
    this.#add(() => this.#clients.scheduler.send(new DeleteScheduleCommand({ Name })));
  }

  role(RoleName: string, PolicyName: string): void {
    const { iam } = this.#clients;
    this.#add(async () => {
      await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
      await iam.send(new DeleteRoleCommand({ RoleName }));
    });
  }

  /** Takes away everything that is still there; resolves with how many things, rejects when one would not go. */
  async run(): Promise<number> {
    let count = 0;
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      await action();
      count++;
    }
    return count;
  }

  /** The same after a failure: what was never made cannot be deleted, and that is fine. */
  async runRegardless(): Promise<void> {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop())
      await action().catch(() => undefined);
  }

  #add(action: () => Promise<unknown>): void {
    this.#actions.push(action);
  }
}
