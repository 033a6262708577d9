/**
 * The part of the helper's C source that gives a sandbox its interface. The kernel is asked directly (rtnetlink(7)): an
 * `ip` of its own for each sandbox takes longer than a forked program does to start.
 */
export const LINK_SOURCE = `
struct request {
  _Alignas(struct nlmsghdr) char bytes[1024];
};

static struct rtattr *add(struct nlmsghdr *message, int type, const void *data, size_t length) {
  struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(length);
  if (length > 0) memcpy(RTA_DATA(attribute), data, length);
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  return attribute;
}

static void add_text(struct nlmsghdr *message, int type, const char *text) {
  add(message, type, text, strlen(text) + 1);
}

static void add_number(struct nlmsghdr *message, int type, unsigned number) {
  add(message, type, &number, sizeof number);
}

/* What was added since belongs to the attribute. */
static void enclose(struct nlmsghdr *message, struct rtattr *attribute) {
  attribute->rta_len = (char *)message + message->nlmsg_len - (char *)attribute;
}

static struct nlmsghdr *begin(struct request *request, int type, int flags, const void *body, size_t length) {
  memset(request, 0, sizeof *request);
  struct nlmsghdr *message = (struct nlmsghdr *)request->bytes;
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  message->nlmsg_len = NLMSG_LENGTH(length);
  memcpy(NLMSG_DATA(message), body, length);
  return message;
}

static int ask_kernel(int netlink, struct nlmsghdr *message) {
  char answer[2048];
  if (send(netlink, message, message->nlmsg_len, 0) < 0) return errno;
  ssize_t length = recv(netlink, answer, sizeof answer, 0);
  struct nlmsghdr *header = (struct nlmsghdr *)answer;
  if (length < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR) return EPROTO;
  return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
}

/* The kernel would make a queue in each direction for each processor of the machine, with files in /sys for each. */
static void add_one_queue(struct nlmsghdr *message) {
  add_number(message, IFLA_NUM_TX_QUEUES, 1);
  add_number(message, IFLA_NUM_RX_QUEUES, 1);
}

static int make_pair(int netlink, const char *inside, const char *outside, unsigned mtu) {
  struct request request;
  struct ifinfomsg interface = {.ifi_family = AF_UNSPEC};
  struct nlmsghdr *message = begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &interface, sizeof interface);
  add_text(message, IFLA_IFNAME, inside);
  add_number(message, IFLA_MTU, mtu);
  add_one_queue(message);
  struct rtattr *information = add(message, IFLA_LINKINFO, NULL, 0);
  add(message, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = add(message, IFLA_INFO_DATA, NULL, 0);
  struct rtattr *peer = add(message, VETH_INFO_PEER, &interface, sizeof interface);
  add_text(message, IFLA_IFNAME, outside);
  add_number(message, IFLA_MTU, mtu);
  add_one_queue(message);
  add_number(message, IFLA_NET_NS_PID, parent);
  enclose(message, peer);
  enclose(message, data);
  enclose(message, information);
  return ask_kernel(netlink, message);
}

/* Without an address of version 6 that the kernel makes up; the host's end passes on what comes in. */
static int configure(int netlink, int index, int forwards) {
  struct request request;
  struct ifinfomsg interface = {.ifi_family = AF_UNSPEC, .ifi_index = index};
  struct nlmsghdr *message = begin(&request, RTM_NEWLINK, 0, &interface, sizeof interface);
  unsigned char mode = IN6_ADDR_GEN_MODE_NONE;
  struct rtattr *families = add(message, IFLA_AF_SPEC, NULL, 0);
  struct rtattr *version6 = add(message, AF_INET6, NULL, 0);
  add(message, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
  enclose(message, version6);
  if (forwards) {
    struct rtattr *version4 = add(message, AF_INET, NULL, 0);
    struct rtattr *settings = add(message, IFLA_INET_CONF, NULL, 0);
    add_number(message, IPV4_DEVCONF_FORWARDING, 1);
    enclose(message, settings);
    enclose(message, version4);
  }
  enclose(message, families);
  return ask_kernel(netlink, message);
}

static int set_up(int netlink, int index, const struct in_addr *address, const struct in_addr *peer) {
  struct request request;
  struct ifaddrmsg local = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = index};
  struct nlmsghdr *message = begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &local, sizeof local);
  add(message, IFA_LOCAL, address, sizeof *address);
  add(message, IFA_ADDRESS, peer, sizeof *peer);
  int error = ask_kernel(netlink, message);
  if (error != 0) return error;
  struct ifinfomsg up = {.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  return ask_kernel(netlink, begin(&request, RTM_NEWLINK, 0, &up, sizeof up));
}

static int route_by(int netlink, int index, const struct in_addr *gateway) {
  struct request request;
  struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
                        .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
  struct nlmsghdr *message = begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
  add(message, RTA_GATEWAY, gateway, sizeof *gateway);
  add_number(message, RTA_OIF, index);
  return ask_kernel(netlink, message);
}

/* The number of an interface where that socket was made; 0: there is none. */
static int index_of(int where, const char *name) {
  struct ifreq asked = {0};
  strncpy(asked.ifr_name, name, sizeof asked.ifr_name - 1);
  return ioctl(where, SIOCGIFINDEX, &asked) < 0 ? 0 : asked.ifr_ifindex;
}

/*
 * words: the parent's descriptor of a network namespace, name of the interface there, name of its other end beside the
 * parent, size of packets, address, address of the other end.
 */
static int make_link(char **words) {
  char path[64];
  struct in_addr address, gateway;
  if (inet_pton(AF_INET, words[4], &address) != 1 || inet_pton(AF_INET, words[5], &gateway) != 1) return EINVAL;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", parent, atoi(words[0]));
  int space = open(path, O_RDONLY | O_CLOEXEC);
  /* Sockets stay where they were made. */
  int host = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int host_names = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (space < 0 || host < 0 || host_names < 0 || setns(space, CLONE_NEWNET) < 0) return errno;
  int inside = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (inside < 0) return errno;
  int error = make_pair(inside, words[1], words[2], atoi(words[3]));
  if (error != 0) return error;
  int index = if_nametoindex(words[1]), host_index = index_of(host_names, words[2]);
  if (index == 0 || host_index == 0) return errno;
  error = configure(host, host_index, 1);
  if (error == 0) error = set_up(host, host_index, &gateway, &address);
  if (error == 0) error = configure(inside, index, 0);
  if (error == 0) error = set_up(inside, index, &address, &gateway);
  return error == 0 ? route_by(inside, index, &gateway) : error;
}
`;
