/**
 * The part of the helper's C source that opens a sandbox's listeners in its network namespace, before its program runs,
 * and gives them to the parent the way a child of Node's does (a line of JSON with a descriptor for each). A program that
 * does it by itself loads half of Node's network code for it, or is started by one that does.
 */
export const LISTENER_SOURCE = String.raw`
static int send_listener(int channel, const char *name, int listener) {
  char line[256], control[CMSG_SPACE(sizeof listener)];
  int length = snprintf(line, sizeof line, "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":{\"listener\":\"%s\"}}\n", name);
  if (length >= (int)sizeof line) return EINVAL;
  struct iovec text = {line, length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  memset(control, 0, sizeof control);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof listener);
  memcpy(CMSG_DATA(header), &listener, sizeof listener);
  ssize_t sent = sendmsg(channel, &message, MSG_NOSIGNAL);
  return sent < 0 ? errno : sent == length ? 0 : EIO;
}

/* In the network namespace that this process is in. words: name and port of each listener. */
static int give_listeners(int channel, int count, char **words) {
  for (int at = 0; at + 1 < count; at += 2) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[at + 1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    /* The loopback interface may not be up yet. */
    if (listener < 0 || setsockopt(listener, IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes) < 0) return errno;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, LISTENER_BACKLOG) < 0) return errno;
    int error = send_listener(channel, words[at], listener);
    close(listener);
    if (error != 0) return error;
  }
  return 0;
}

/* words: the parent's descriptor of a network namespace, and name and port of each listener. */
static int make_listeners(int channel, int count, char **words) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", parent, atoi(words[0]));
  int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) < 0) return errno;
  return give_listeners(channel, count - 1, words + 1);
}
`;
