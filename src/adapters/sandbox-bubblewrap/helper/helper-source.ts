import { BUILD_SOURCE } from "./build-source.ts";
import { LAUNCH_SOURCE } from "./launch-source.ts";
import { LINK_SOURCE } from "./link-source.ts";
import { LISTENER_SOURCE } from "./listener-source.ts";
import { TEMPLATE_SOURCE } from "./template-source.ts";
import { VOLUME_SOURCE } from "./volume-source.ts";

/**
 * The C source of the helper, which does for this process what would otherwise take a program each: starting one from
 * a process as large as this blocks it for five milliseconds and more, a system call takes microseconds.
 *
 * It reads requests on standard input: the number of words and the words, each ended by NUL. The first word names the
 * request, the second is the command; the answer is a line "name errno text", errno 0 for none, text what the kernel or
 * a program says. What waits for disks or programs is done in a child, so that it holds nothing else up. The end of a
 * program that was launched is a line "exit process status signal". It ends with its input, so with this process, and
 * kills what is left in the groups of launched programs before: a bwrap that is killed while it builds a sandbox leaves a
 * child behind that nothing would end.
 * Mount points and what is bound there must lie below the directory given as its first argument; its second is the path
 * of the socket at which it waits for the channels of launched programs, its third that of the compiled init program
 * (`init-source.ts`).
 */
export const HELPER_SOURCE = String.raw`#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/loop.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WORDS_MAX 4096
#define REQUEST_BYTES_MAX 262144
#define LAUNCHED_MAX 16384
#define DESCRIPTORS_MAX 16
#define LOOP_ATTEMPTS 64
#define LISTENER_BACKLOG 511
#define TEMPLATES_MAX 64
#define MOUNTS_MAX 64
#define GROUPS_MAX 8
#define FILTER_MAX 4096
/* Of a program inside; those of its sandbox come behind. */
#define CHANNEL_DESCRIPTOR 3
#define FILTER_DESCRIPTOR 5
/* As the kernel has them; headers of some systems do not. */
#define SYS_MOUNT_SETATTR 442
#define ATTRIBUTE_RDONLY 1
#define ATTRIBUTE_NOSUID 2
#define ATTRIBUTE_NODEV 4
#define EXECUTABLE_MEMORY 0x10
#define GET_FLAGS _IOR('f', 1, long)
#define GET_NUMBER _IOR('v', 1, long)
#define FLAG_EXTENTS 0x80000U

static const char *root;
static pid_t parent;
static int channels = -1;
static pid_t self;
static pid_t launched[LAUNCHED_MAX];
static char *launched_group[LAUNCHED_MAX];
/* For its listeners; -1 when it has none from here. */
static int launched_channel[LAUNCHED_MAX];
/* Where one that is built waits for its order; -1 for every other. */
static int launched_orders[LAUNCHED_MAX];
static int launched_count = 0;

static int write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  int error = write(file, text, strlen(text)) < 0 ? errno : 0;
  close(file);
  return error;
}

/* What it has started dies with a program, where its group is known. */
static int kill_group(const char *group) {
  char path[4096];
  if (*group == 0) return ENOENT;
  snprintf(path, sizeof path, "%s/cgroup.kill", group);
  return write_text(path, "1");
}

/* Without the parent nobody is left to do it. */
static void leave(int status) {
  for (int at = 0; getpid() == self && at < launched_count; at++)
    if (kill_group(launched_group[at]) != 0) kill(launched[at], SIGKILL);
  _exit(status);
}

static void say(const char *format, ...) {
  char line[1024];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line - 1, format, values);
  va_end(values);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  for (int at = 0; at < length; at++)
    if (line[at] == '\n') line[at] = ' ';
  line[length++] = '\n';
  if (write(STDOUT_FILENO, line, length) < 0) leave(1);
}

static int is_below(const char *path) {
  size_t length = strlen(root);
  return strncmp(path, root, length) == 0 && path[length] == '/' && strstr(path, "/..") == NULL;
}

/* words: owner or "", paths. */
static int make_pipes(int count, char **words) {
  for (int at = 1; at < count; at++) {
    if (!is_below(words[at])) return EPERM;
    if (mkfifo(words[at], 0600) < 0) return errno;
    if (*words[0] != 0 && chown(words[at], atoi(words[0]), atoi(words[0])) < 0) return errno;
  }
  return 0;
}

${VOLUME_SOURCE}
${LINK_SOURCE}
${LISTENER_SOURCE}
${LAUNCH_SOURCE}
${TEMPLATE_SOURCE}
${BUILD_SOURCE}
/* What takes its time, in a child that answers itself. */
static void aside(const char *name, int count, char **words) {
  int listens = strcmp(words[0], "listen") == 0;
  int channel = listens && count > 3 ? take_kept(launched_channel, atoi(words[1])) : -1;
  pid_t child = fork();
  if (child != 0 && channel >= 0) close(channel);
  if (child > 0) return;
  if (child < 0) {
    say("%s %d", name, errno);
    return;
  }
  int error = EINVAL;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (strcmp(words[0], "volume") == 0 && count == 5) error = make_volume(words + 1);
  if (strcmp(words[0], "discard") == 0 && count == 2) error = discard_volume(words + 1);
  if (strcmp(words[0], "link") == 0 && count == 7) error = make_link(words + 1);
  if (listens && channel >= 0) error = make_listeners(channel, count - 2, words + 2);
  say("%s %d", name, error);
  _exit(0);
}

static void carry_out(int count, char **words, const char *end) {
  if (count < 2) return;
  const char *name = words[0], *command = words[1];
  char **values = words + 2;
  int left = count - 2, error = EINVAL;
  if (strcmp(command, "bind") == 0 && left == 2)
    error = !is_below(values[0]) || !is_below(values[1]) ? EPERM : mount(values[0], values[1], NULL, MS_BIND, NULL) < 0 ? errno : 0;
  else if (strcmp(command, "unmount") == 0 && left == 1)
    error = !is_below(values[0]) ? EPERM : umount2(values[0], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? errno : 0;
  else if (strcmp(command, "unchanged") == 0 && left == 1)
    error = is_unchanged(values[0]);
  else if (strcmp(command, "pipes") == 0 && left >= 1)
    error = make_pipes(left, values);
  else if (strcmp(command, "kill") == 0 && left == 1)
    error = kill_launched(atoi(values[0]));
  else if (strcmp(command, "launch") == 0) {
    pid_t child = 0;
    error = launch(left, values, &child);
    say("%s %d %d", name, error, child);
    return;
  } else if (strcmp(command, "template") == 0 && left >= 1) {
    int number = -1;
    error = make_template(left, values, &number);
    say("%s %d %d", name, error, number);
    return;
  } else if (strcmp(command, "build") == 0) {
    pid_t child = 0;
    error = build(left, values, &child);
    say("%s %d %d", name, error, child);
    return;
  } else if (strcmp(command, "start") == 0) {
    error = start(left, values, end);
  } else {
    aside(name, count - 1, words + 1);
    return;
  }
  say("%s %d", name, error);
}

/* Carries out the whole requests; returns how many bytes these were. */
static size_t take_requests(char *text, size_t length) {
  size_t done = 0;
  for (;;) {
    char *words[WORDS_MAX + 1], *at = text + done, *end = text + length;
    char *stop = memchr(at, 0, end - at);
    if (stop == NULL) return done;
    int count = atoi(at), seen = 0;
    if (count < 1 || count > WORDS_MAX) _exit(2);
    for (at = stop + 1; seen < count; at = stop + 1) {
      stop = at < end ? memchr(at, 0, end - at) : NULL;
      if (stop == NULL) return done;
      words[seen++] = at;
    }
    words[count] = NULL;
    done = at - text;
    carry_out(count, words, at);
  }
}

static int listen_for_channels(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  mode_t before = umask(0177);
  int failed = listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0;
  umask(before);
  return failed ? -1 : listener;
}

int main(int count, char **parameters) {
  static char text[REQUEST_BYTES_MAX];
  size_t length = 0;
  sigset_t children, blocked;
  if (count != 4) return 2;
  self = getpid();
  root = parameters[1];
  parent = getppid();
  channels = listen_for_channels(parameters[2]);
  /* Nobody whom it starts is to have groups of its own. */
  setgroups(0, NULL);
  own_mounts = high(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  own_root = high(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  init_program = high(load_program(parameters[3]));
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  blocked = children;
  /* Whoever writes to a parent that is gone is told so. */
  sigaddset(&blocked, SIGPIPE);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  int ended = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (channels < 0 || ended < 0) return 1;
  for (;;) {
    struct pollfd waiting[2] = {{STDIN_FILENO, POLLIN, 0}, {ended, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return 1;
    if (waiting[1].revents != 0) {
      struct signalfd_siginfo information;
      while (read(ended, &information, sizeof information) > 0) continue;
      reap();
    }
    if (waiting[0].revents == 0) continue;
    ssize_t part = read(STDIN_FILENO, text + length, sizeof text - length);
    if (part <= 0) leave(0);
    length += part;
    size_t done = take_requests(text, length);
    memmove(text, text + done, length - done);
    length -= done;
    if (length == sizeof text) return 2;
  }
}
`;
