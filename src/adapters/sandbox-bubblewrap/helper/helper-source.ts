import { LINK_SOURCE } from "./link-source.ts";
import { LISTENER_SOURCE } from "./listener-source.ts";
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
 * of the socket at which it waits for the channels of launched programs.
 */
export const HELPER_SOURCE = String.raw`#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_link.h>
#include <linux/loop.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 512
#define REQUEST_BYTES_MAX 262144
#define LAUNCHED_MAX 16384
#define DESCRIPTORS_MAX 16
#define LOOP_ATTEMPTS 64
#define LISTENER_BACKLOG 511

static const char *root;
static pid_t parent;
static int channels = -1;
static pid_t self;
static pid_t launched[LAUNCHED_MAX];
static char *launched_group[LAUNCHED_MAX];
/* For its listeners; -1 when it has none from here. */
static int launched_channel[LAUNCHED_MAX];
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
/* The next channel that the parent has connected. */
static int accept_channel(void) {
  for (;;) {
    int channel = accept4(channels, NULL, NULL, SOCK_CLOEXEC);
    if (channel < 0) return -1;
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == parent) return channel;
    close(channel);
  }
}

/* A child in the group of version 2: moving it there later would wait for all processes. */
static pid_t fork_into(const char *group, int *is_inside) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  *is_inside = 1;
  if (*group == 0) return fork();
  int directory = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -1;
  arguments.exit_signal = SIGCHLD;
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.cgroup = directory;
  pid_t child = syscall(SYS_clone3, &arguments, sizeof arguments);
  close(directory);
  if (child >= 0) return child;
  *is_inside = 0;
  return fork();
}

static int open_clone(const char *path) {
  return syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int attach_clone(int clone, const char *path) {
  return syscall(SYS_move_mount, clone, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? errno : 0;
}

/*
 * A mount namespace for one program, with its own volume but without the mounts of all others: bwrap reads the list of
 * all mounts for each of those that it makes. What is mounted outside from now on appears there as well, as far as it
 * is mounted below a shared mount. Does nothing with a kernel that cannot.
 */
static int leave_mounts_of_others(const char *volumes, const char *volume, const char *late) {
  if (*late == 0) return 0;
  int pristine = open_clone(late);
  if (pristine < 0) return 0;
  int own = *volume == 0 ? -1 : open_clone(volume);
  if (*volume != 0 && own < 0) return errno;
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return errno;
  if (*volumes != 0 && umount2(volumes, MNT_DETACH) < 0) return errno;
  if (umount2(late, MNT_DETACH) < 0) return errno;
  int error = attach_clone(pristine, late);
  if (error == 0 && mount(NULL, late, NULL, MS_SLAVE, NULL) < 0) error = errno;
  return error == 0 && own >= 0 ? attach_clone(own, volume) : error;
}

/*
 * words: user or "", adjustment of the OOM score, limit of open files, directory of all volumes, mount point of its own
 * volume and directory of late mounts, each of these or "", group of version 2 or "", how many descriptors, the
 * descriptors, how many files of groups, the files, program and parameters. A descriptor is "r", "w" or "b" for both, and
 * a path; or "none"; or "channel", through which the program gives its listeners away; or "gate", through which its listeners are
 * given away from here.
 */
static int launch(int count, char **words, pid_t *child) {
  int descriptors[DESCRIPTORS_MAX], error = 0, opened = 0, gate = -1;
  const char *user = words[0], *score = words[1], *files = words[2];
  int wanted = count > 7 ? atoi(words[7]) : -1;
  if (wanted < 0 || wanted > DESCRIPTORS_MAX || count < wanted + 10) return EINVAL;
  const char *volumes = words[3], *volume = words[4], *late = words[5], *group = words[6];
  char **descriptor = words + 8;
  int groups = atoi(descriptor[wanted]);
  char **group_files = descriptor + wanted + 1;
  if (groups < 0 || count < wanted + 10 + groups || launched_count == LAUNCHED_MAX) return EINVAL;
  for (; opened < wanted && error == 0; opened++) {
    const char *what = descriptor[opened];
    int flags = *what == 'r' ? O_RDONLY : *what == 'w' ? O_WRONLY : O_RDWR;
    /* A pipe that the parent has not opened must not hold this process up. */
    descriptors[opened] = -1;
    if (*what == 'n') continue;
    int is_channel = *what == 'c' || *what == 'g';
    int low = is_channel ? accept_channel() : open(what + 1, flags | O_NONBLOCK | O_CLOEXEC);
    int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 64);
    if (high < 0) error = errno;
    else if (!is_channel) fcntl(high, F_SETFL, 0);
    if (*what == 'g') gate = low;
    else if (low >= 0) close(low);
    descriptors[opened] = high;
  }
  int is_inside = 0;
  pid_t helper = getpid();
  *child = error == 0 ? fork_into(group, &is_inside) : -1;
  if (error == 0 && *child < 0) error = errno;
  if (error == 0 && *child == 0) {
    struct rlimit open_files = {atoi(files), atoi(files)}, no_core = {0, 0};
    sigset_t none;
    char own_group[4096];
    snprintf(own_group, sizeof own_group, "%s/cgroup.procs", group);
    if (!is_inside) error = write_text(own_group, "0");
    /* A thread that moves itself does not wait for all processes. */
    for (int at = 0; at < groups && error == 0; at++) error = write_text(group_files[at], "0");
    if (error == 0) error = leave_mounts_of_others(volumes, volume, late);
    if (error == 0) error = write_text("/proc/self/oom_score_adj", score);
    if (error == 0 && setrlimit(RLIMIT_NOFILE, &open_files) < 0) error = errno;
    if (error == 0 && setrlimit(RLIMIT_CORE, &no_core) < 0) error = errno;
    for (int at = 0; at < wanted; at++)
      if (descriptors[at] < 0 ? close(at) < 0 && errno != EBADF : dup2(descriptors[at], at) < 0) _exit(127);
    syscall(SYS_close_range, wanted, ~0U, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (error == 0 && *user != 0) {
      int id = atoi(user);
      if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0) error = errno;
    }
    /* Change of the user forgets it, so it comes after that. */
    if (error == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) error = errno;
    if (getppid() != helper) _exit(127);
    char *environment[] = {NULL};
    if (error == 0) {
      execve(group_files[groups], group_files + groups, environment);
      error = errno;
    }
    dprintf(STDERR_FILENO, "%s: %s\n", group_files[groups], strerror(error));
    _exit(127);
  }
  for (int at = 0; at < opened; at++)
    if (descriptors[at] >= 0) close(descriptors[at]);
  if (error == 0) {
    char *kept = strdup(group);
    launched_group[launched_count] = kept == NULL ? "" : kept;
    launched_channel[launched_count] = gate;
    launched[launched_count++] = *child;
  } else if (gate >= 0) close(gate);
  return error;
}

/* It is whose listeners are made; nobody else has it then. */
static int take_channel(pid_t process) {
  for (int at = 0; at < launched_count; at++) {
    if (launched[at] != process) continue;
    int channel = launched_channel[at];
    launched_channel[at] = -1;
    return channel;
  }
  return -1;
}

static int kill_launched(pid_t process) {
  for (int at = 0; at < launched_count; at++)
    if (launched[at] == process) return kill(process, SIGKILL) < 0 ? errno : 0;
  return ESRCH;
}

static void reap(void) {
  int status;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG)) > 0;)
    for (int at = 0; at < launched_count; at++) {
      if (launched[at] != process) continue;
      kill_group(launched_group[at]);
      if (*launched_group[at] != 0) free(launched_group[at]);
      if (launched_channel[at] >= 0) close(launched_channel[at]);
      launched_group[at] = launched_group[--launched_count];
      launched_channel[at] = launched_channel[launched_count];
      launched[at] = launched[launched_count];
      if (WIFSIGNALED(status)) say("exit %d -1 %d", process, WTERMSIG(status));
      else say("exit %d %d 0", process, WEXITSTATUS(status));
      break;
    }
}

/* What takes its time, in a child that answers itself. */
static void aside(const char *name, int count, char **words) {
  int listens = strcmp(words[0], "listen") == 0;
  int channel = listens && count > 3 ? take_channel(atoi(words[1])) : -1;
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

static void carry_out(int count, char **words) {
  if (count < 2) return;
  const char *name = words[0], *command = words[1];
  char **values = words + 2;
  int left = count - 2, error = EINVAL;
  if (strcmp(command, "bind") == 0 && left == 2)
    error = !is_below(values[0]) || !is_below(values[1]) ? EPERM : mount(values[0], values[1], NULL, MS_BIND, NULL) < 0 ? errno : 0;
  else if (strcmp(command, "unmount") == 0 && left == 1)
    error = !is_below(values[0]) ? EPERM : umount2(values[0], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? errno : 0;
  else if (strcmp(command, "pipes") == 0 && left >= 1)
    error = make_pipes(left, values);
  else if (strcmp(command, "kill") == 0 && left == 1)
    error = kill_launched(atoi(values[0]));
  else if (strcmp(command, "launch") == 0) {
    pid_t child = 0;
    error = launch(left, values, &child);
    say("%s %d %d", name, error, child);
    return;
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
    carry_out(count, words);
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
  if (count != 3) return 2;
  self = getpid();
  root = parameters[1];
  parent = getppid();
  channels = listen_for_channels(parameters[2]);
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
