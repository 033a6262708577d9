/** Sources of event source mappings that tests name; none of them has to be there. */
export const STREAM = "arn:aws:kinesis:eu-west-1:000000000000:stream/s";
export const TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2024-01-01T00:00:00.000";
export const CLUSTER = "arn:aws:kafka:eu-west-1:000000000000:cluster/c/u-1";
export const BROKER = "arn:aws:mq:eu-west-1:000000000000:broker:b:b-1";
export const DATABASE = "arn:aws:rds:eu-west-1:000000000000:cluster:d";
export const ACCESS = [
  { Type: "BASIC_AUTH", URI: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:s" },
] as const;
