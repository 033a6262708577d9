import { CreateRoleCommand, type IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import type { CleanUp } from "./clean-up.ts";

const POLICY_NAME = "events";

/** The one role of the demonstration, for its functions and for its schedule; resolves with the ARN. */
export async function createRole(iam: IAMClient, RoleName: string, cleanUp: CleanUp): Promise<string> {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: ["lambda.amazonaws.com", "scheduler.amazonaws.com"] },
        Action: "sts:AssumeRole",
      },
    ],
  });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  cleanUp.role(RoleName, POLICY_NAME);
  const allow = (Resource: string, ...Action: string[]) => ({ Effect: "Allow", Action, Resource });
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: POLICY_NAME,
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          allow("*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
          allow("arn:aws:s3:::demo-photographs-*/*", "s3:GetObject", "s3:PutObject"),
          allow(
            "arn:aws:sqs:*:*:demo-*",
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
          ),
          allow("arn:aws:lambda:*:*:function:demo-clock-*", "lambda:InvokeFunction"),
        ],
      }),
    }),
  );
  return Role?.Arn ?? "";
}
