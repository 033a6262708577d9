/** The part of the helper that launches programs in a mount namespace of their own, and tells how they have ended. */
export const LAUNCH_SOURCE = String.raw`/* The next channel that the parent has connected. */
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

static void close_descriptors(int count, const int *descriptors) {
  for (int at = 0; at < count; at++)
    if (descriptors[at] >= 0) close(descriptors[at]);
}

/* Returns how many have been opened, or would have been had there not been the error. */
static int open_descriptors(int wanted, char **words, int *descriptors, int *gate, int *error) {
  int opened = 0;
  for (; opened < wanted && *error == 0; opened++) {
    const char *what = words[opened];
    int flags = *what == 'r' ? O_RDONLY : *what == 'w' ? O_WRONLY : O_RDWR;
    /* A pipe that the parent has not opened must not hold this process up. */
    descriptors[opened] = -1;
    if (*what == 'n') continue;
    int is_channel = *what == 'c' || *what == 'g';
    int low = is_channel ? accept_channel() : open(what + 1, flags | O_NONBLOCK | O_CLOEXEC);
    int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 64);
    if (high < 0) *error = errno;
    else if (!is_channel) fcntl(high, F_SETFL, 0);
    if (*what == 'g') *gate = low;
    else if (low >= 0) close(low);
    descriptors[opened] = high;
  }
  return opened;
}

static void remember(pid_t process, const char *group, int channel, int orders) {
  char *kept = strdup(group);
  launched_group[launched_count] = kept == NULL ? "" : kept;
  launched_channel[launched_count] = channel;
  launched_orders[launched_count] = orders;
  launched[launched_count++] = process;
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
  opened = open_descriptors(wanted, descriptor, descriptors, &gate, &error);
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
  close_descriptors(opened, descriptors);
  if (error == 0) remember(*child, group, gate, -1);
  else if (gate >= 0) close(gate);
  return error;
}

/* One of what is kept for a program; nobody else has it then. */
static int take_kept(int *kept, pid_t process) {
  for (int at = 0; at < launched_count; at++) {
    if (launched[at] != process) continue;
    int descriptor = kept[at];
    kept[at] = -1;
    return descriptor;
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
      if (launched_orders[at] >= 0) close(launched_orders[at]);
      launched_group[at] = launched_group[--launched_count];
      launched_channel[at] = launched_channel[launched_count];
      launched_orders[at] = launched_orders[launched_count];
      launched[at] = launched[launched_count];
      if (WIFSIGNALED(status)) say("exit %d -1 %d", process, WTERMSIG(status));
      else say("exit %d %d 0", process, WEXITSTATUS(status));
      break;
    }
}

`;
