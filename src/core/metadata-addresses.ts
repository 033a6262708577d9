/**
 * Where clouds hand out credentials and settings of the machine: AWS, Azure, Google, Oracle, DigitalOcean (the
 * first), ECS tasks, EKS pods, Alibaba, Azure's wire server, Oracle's old address.
 */
export const METADATA_ADDRESSES = [
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
] as const;
