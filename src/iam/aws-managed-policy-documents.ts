/** An AWS managed policy: the statements follow the "AWS Managed Policy Reference Guide". */
export interface AwsManagedPolicyText {
  readonly policyName: string;
  readonly path: "/" | "/service-role/";
  readonly description: string;
  readonly statements: readonly object[];
}

const allow = (actions: string | readonly string[], resource: string | readonly string[] = "*"): object => ({
  Effect: "Allow",
  Action: actions,
  Resource: resource,
});

const WRITE_LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];

const SERVICE_ROLES: readonly AwsManagedPolicyText[] = [
  {
    policyName: "AWSLambdaBasicExecutionRole",
    path: "/service-role/",
    description: "Provides write permissions to CloudWatch Logs.",
    statements: [allow(WRITE_LOGS)],
  },
  {
    policyName: "AWSLambdaVPCAccessExecutionRole",
    path: "/service-role/",
    description:
      "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC - create, describe, delete network interfaces and write permissions to CloudWatch Logs.",
    statements: [
      {
        Sid: "AWSLambdaVPCAccessExecutionPermissions",
        ...allow([
          ...WRITE_LOGS,
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ]),
      },
    ],
  },
  {
    policyName: "AWSLambdaSQSQueueExecutionRole",
    path: "/service-role/",
    description:
      "Provides receive message, delete message, and read attribute access to SQS queues, and write permissions to CloudWatch logs.",
    statements: [allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", ...WRITE_LOGS])],
  },
  {
    policyName: "AWSLambdaKinesisExecutionRole",
    path: "/service-role/",
    description: "Provides list and read access to Kinesis streams and write permissions to CloudWatch logs.",
    statements: [
      allow([
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:ListStreams",
        "kinesis:SubscribeToShard",
        ...WRITE_LOGS,
      ]),
    ],
  },
  {
    policyName: "AWSLambdaDynamoDBExecutionRole",
    path: "/service-role/",
    description:
      "Provides list and read access to DynamoDB streams and write permissions to CloudWatch logs.",
    statements: [
      allow([
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        ...WRITE_LOGS,
      ]),
    ],
  },
  {
    policyName: "AWSLambdaRole",
    path: "/service-role/",
    description: "Default policy for AWS Lambda service role.",
    statements: [allow(["lambda:InvokeFunction"])],
  },
];

const LAMBDA_NEIGHBOURS_READ = [
  "cloudformation:DescribeStacks",
  "cloudformation:ListStackResources",
  "cloudwatch:GetMetricData",
  "cloudwatch:ListMetrics",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ec2:DescribeVpcs",
  "kms:ListAliases",
];

const IAM_READ_FOR_LAMBDA = [
  "iam:GetPolicy",
  "iam:GetPolicyVersion",
  "iam:GetRole",
  "iam:GetRolePolicy",
  "iam:ListAttachedRolePolicies",
  "iam:ListRolePolicies",
  "iam:ListRoles",
];

const STATES_AND_TAGS_READ = [
  "states:DescribeStateMachine",
  "states:ListStateMachines",
  "tag:GetResources",
  "xray:GetTraceSummaries",
  "xray:BatchGetTraces",
];

const LAMBDA_POLICIES: readonly AwsManagedPolicyText[] = [
  {
    policyName: "AWSLambda_FullAccess",
    path: "/",
    description:
      "Grants full access to AWS Lambda service, AWS Lambda console features, and other related AWS services.",
    statements: [
      allow([
        ...LAMBDA_NEIGHBOURS_READ,
        ...IAM_READ_FOR_LAMBDA,
        "lambda:*",
        "logs:DescribeLogGroups",
        ...STATES_AND_TAGS_READ,
      ]),
      {
        ...allow("iam:PassRole"),
        Condition: { StringEquals: { "iam:PassedToService": "lambda.amazonaws.com" } },
      },
      allow(
        [
          "logs:DescribeLogStreams",
          "logs:GetLogEvents",
          "logs:FilterLogEvents",
          "logs:StartLiveTail",
          "logs:StopLiveTail",
        ],
        "arn:aws:logs:*:*:log-group:/aws/lambda/*",
      ),
    ],
  },
  {
    policyName: "AWSLambda_ReadOnlyAccess",
    path: "/",
    description:
      "Grants read-only access to AWS Lambda service, AWS Lambda console features, and other related AWS services.",
    statements: [
      allow([
        ...LAMBDA_NEIGHBOURS_READ,
        ...IAM_READ_FOR_LAMBDA,
        "logs:DescribeLogGroups",
        "lambda:Get*",
        "lambda:List*",
        ...STATES_AND_TAGS_READ,
      ]),
      allow(
        [
          "logs:DescribeLogStreams",
          "logs:GetLogEvents",
          "logs:FilterLogEvents",
          "logs:StartLiveTail",
          "logs:StopLiveTail",
        ],
        "arn:aws:logs:*:*:log-group:/aws/lambda/*",
      ),
    ],
  },
  {
    policyName: "AWSXRayDaemonWriteAccess",
    path: "/",
    description:
      "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API and retrieve sampling data (rules, targets, etc.) to be used by the X-Ray SDK.",
    statements: [
      allow([
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:GetSamplingStatisticSummaries",
      ]),
    ],
  },
];

const SERVICE_POLICIES: readonly AwsManagedPolicyText[] = [
  {
    policyName: "CloudWatchLogsFullAccess",
    path: "/",
    description: "Provides full access to CloudWatch Logs",
    statements: [allow(["logs:*", "cloudwatch:GenerateQuery"])],
  },
  {
    policyName: "AmazonS3FullAccess",
    path: "/",
    description: "Provides full access to all buckets via the AWS Management Console.",
    statements: [allow(["s3:*", "s3-object-lambda:*"])],
  },
  {
    policyName: "AmazonS3ReadOnlyAccess",
    path: "/",
    description: "Provides read only access to all buckets via the AWS Management Console.",
    statements: [
      allow(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"]),
    ],
  },
  {
    policyName: "AmazonSQSFullAccess",
    path: "/",
    description: "Provides full access to Amazon SQS via the AWS Management Console.",
    statements: [allow(["sqs:*"])],
  },
  {
    policyName: "AmazonSNSFullAccess",
    path: "/",
    description: "Provides full access to Amazon SNS via the AWS Management Console.",
    statements: [allow(["sns:*"])],
  },
  {
    policyName: "AmazonDynamoDBFullAccess",
    path: "/",
    description: "Provides full access to Amazon DynamoDB via the AWS Management Console.",
    statements: [
      allow([
        "dynamodb:*",
        "dax:*",
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DescribeAlarmsForMetric",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:ListMetrics",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:GetMetricData",
        "ec2:DescribeVpcs",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "iam:GetRole",
        "iam:ListRoles",
        "kms:DescribeKey",
        "kms:ListAliases",
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:ListSubscriptions",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTopics",
        "sns:Subscribe",
        "sns:Unsubscribe",
        "sns:SetTopicAttributes",
        "lambda:CreateFunction",
        "lambda:ListFunctions",
        "lambda:ListEventSourceMappings",
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:GetFunctionConfiguration",
        "lambda:DeleteFunction",
        "resource-groups:ListGroups",
        "resource-groups:ListGroupResources",
        "resource-groups:GetGroup",
        "resource-groups:GetGroupQuery",
        "resource-groups:DeleteGroup",
        "resource-groups:CreateGroup",
        "tag:GetResources",
        "kinesis:ListStreams",
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
      ]),
      allow(
        "cloudwatch:GetInsightRuleReport",
        "arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*",
      ),
      {
        ...allow("iam:PassRole"),
        Condition: {
          StringLike: {
            "iam:PassedToService": [
              "application-autoscaling.amazonaws.com",
              "application-autoscaling.amazonaws.com.cn",
              "dax.amazonaws.com",
            ],
          },
        },
      },
    ],
  },
];

const ACCOUNT_POLICIES: readonly AwsManagedPolicyText[] = [
  {
    policyName: "AdministratorAccess",
    path: "/",
    description: "Provides full access to AWS services and resources.",
    statements: [allow("*")],
  },
  {
    policyName: "PowerUserAccess",
    path: "/",
    description:
      "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
    statements: [
      { Effect: "Allow", NotAction: ["iam:*", "organizations:*", "account:*"], Resource: "*" },
      allow([
        "account:GetAccountInformation",
        "account:GetPrimaryEmail",
        "account:ListRegions",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteServiceLinkedRole",
        "iam:ListRoles",
        "organizations:DescribeOrganization",
      ]),
    ],
  },
  {
    policyName: "ReadOnlyAccess",
    path: "/",
    description: "Provides read-only access to AWS services and resources.",
    // AWS: a list of some two thousand read actions; here the same rule for the services that Lambent serves or calls.
    statements: [
      allow(
        [
          "cloudformation",
          "cloudwatch",
          "dynamodb",
          "ec2",
          "events",
          "iam",
          "kinesis",
          "lambda",
          "s3",
          "scheduler",
          "sns",
          "sqs",
        ]
          .flatMap((vendor) => [`${vendor}:Describe*`, `${vendor}:Get*`, `${vendor}:List*`])
          .concat(
            ["dynamodb:BatchGet*", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"],
            ["logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:List*"],
            [
              "logs:StartLiveTail",
              "logs:StartQuery",
              "logs:StopLiveTail",
              "logs:StopQuery",
              "logs:TestMetricFilter",
            ],
            [
              "sts:GetAccessKeyInfo",
              "sts:GetCallerIdentity",
              "sts:GetSessionToken",
              "tag:Get*",
              "xray:BatchGet*",
              "xray:Get*",
            ],
          ),
      ),
    ],
  },
];

/** The AWS managed policies that functions and their callers use. */
export const AWS_MANAGED_POLICY_DOCUMENTS: readonly AwsManagedPolicyText[] = [
  ...SERVICE_ROLES,
  ...LAMBDA_POLICIES,
  ...SERVICE_POLICIES,
  ...ACCOUNT_POLICIES,
];
