/**
 * The part of the helper that builds a sandbox. What bwrap does with some thirty mounts, for each of which it reads the
 * list of all, is a copy of a template here, with a few mounts that are the sandbox's own.
 *
 * The helper makes a child in a user namespace, with a copy of a template as its mounts, and in a namespace of
 * processes whose first one it is. What the child is shown of the host are mounts that the helper has opened for it:
 * it never sees a path of the host. It is the host's user of the sandbox before it touches the first of them, and has
 * no right any more when it starts the sandbox's program and becomes the init program itself.
 */
export const BUILD_SOURCE = String.raw`
static int init_program = -1;
static int own_mounts = -1;
static int own_root = -1;
static char order[REQUEST_BYTES_MAX];

struct sandbox {
  int descriptors[DESCRIPTORS_MAX];
  int groups[GROUPS_MAX];
  int group_count, volume, orders, init;
  /* The channel ends when its listeners are there. */
  int waits;
  int open_files, user, group;
  const char *host_name;
  /* Names and ports; given away through the channel. */
  int listener_words;
  char **listeners;
};

static int high(int descriptor) {
  int moved = descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 64);
  if (descriptor >= 0) close(descriptor);
  return moved;
}

/* The program as a file without a name: what it is executed from has no path either. */
static int load_program(const char *path) {
  int from = open(path, O_RDONLY | O_CLOEXEC);
  int memory = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE_MEMORY);
  /* Older kernels need not be told. */
  if (memory < 0) memory = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ssize_t length = -1;
  if (from >= 0 && memory >= 0)
    while ((length = read(from, order, sizeof order)) > 0)
      if (write(memory, order, length) != length) break;
  if (from >= 0) close(from);
  /* A descriptor that can write would make it busy. */
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", memory);
  int readable = length == 0 ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (readable >= 0 && fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
    close(readable);
    readable = -1;
  }
  if (memory >= 0) close(memory);
  return readable;
}

static void fail(const char *step) {
  dprintf(STDERR_FILENO, "sandbox: %s: %s\n", step, strerror(errno));
  _exit(1);
}

static void need(int result, const char *step) {
  if (result < 0) fail(step);
}

static void bring_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  need(any, "socket");
  need(ioctl(any, SIOCSIFFLAGS, &request), "loopback");
  close(any);
}

/* The copy of the template becomes the root directory, and nothing else is left. */
static void enter_root(int volume) {
  need(mount("/root", "/root", NULL, MS_BIND | MS_REC, NULL), "template");
  /* As long as another one can be seen. */
  need(mount("proc", "/root/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
  need(chdir("/root"), "template");
  need(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  need(umount2(".", MNT_DETACH), "old root");
  need(chdir("/"), "root");
  if (volume >= 0 && (errno = attach_clone(volume, "/tmp")) != 0) fail("/tmp");
}

/* Of the system, for nobody to look at. */
static void hide(const char *path) {
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  need(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
  need(mount(NULL, path, NULL, flags, NULL), path);
}

/* The length of what has come, and its descriptors. Without the helper there is nothing to wait for. */
static ssize_t receive_order(int orders, int *mounts, int *count) {
  char control[CMSG_SPACE(MOUNTS_MAX * sizeof(int))];
  struct iovec text = {order, sizeof order - 1};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t length;
  while ((length = recvmsg(orders, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
  if (length <= 0) _exit(1);
  *count = 0;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
    *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(mounts, CMSG_DATA(header), *count * sizeof(int));
  }
  return length;
}

static void lose_rights(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  /* Beyond the last one that this kernel knows it fails. */
  for (int capability = 0; capability < 64; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) break;
  need(syscall(SYS_capset, &header, none), "capabilities");
  need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new rights");
}

static void load_filter(int file) {
  static struct sock_filter code[FILTER_MAX];
  ssize_t length = read(file, code, sizeof code);
  if (length <= 0 || length == sizeof code) errno = EINVAL;
  if (length <= 0 || length == sizeof code) fail("filter");
  struct sock_fprog program = {length / sizeof *code, code};
  need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "filter");
}

static char *next_word(char **at, char *end) {
  char *word = *at, *stop = word < end ? memchr(word, 0, end - word) : NULL;
  errno = EINVAL;
  if (stop == NULL) fail("order");
  *at = stop + 1;
  return word;
}

/*
 * The program that init is to wait for: started from here, so that init never has its variables. It goes on when this
 * process has become init, and with that has lost what it has of the helper's memory. 0: there is none, as what runs will
 * be forked into the sandbox.
 */
static pid_t start_program(char **words, char **variables) {
  int become[2];
  char nothing;
  if (*words == NULL) return 0;
  need(pipe2(become, O_CLOEXEC), "pipe");
  pid_t program = fork();
  need(program, "fork");
  if (program > 0) return program;
  close(become[1]);
  while (read(become[0], &nothing, 1) < 0 && errno == EINTR) continue;
  /* Its PATH is looked through. */
  environ = variables;
  execvp(words[0], words);
  fail(words[0]);
  return 0;
}

/*
 * An order: bytes of memory for /tmp or "", how many files to hide and their paths, a path for each of the mounts that
 * come with it, how many words the program has and these words, and to its end the program's variables.
 */
static void carry_out_order(struct sandbox *box) {
  int mounts[MOUNTS_MAX], count, used = 0;
  char *program[WORDS_MAX + 1], *variables[WORDS_MAX + 1], *at = order;
  char *end = order + receive_order(box->orders, mounts, &count), options[64], *size = next_word(&at, end);
  if (*size != 0) {
    snprintf(options, sizeof options, "mode=1777,size=%s", size);
    need(mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options), "/tmp");
  }
  for (int left = atoi(next_word(&at, end)); left > 0; left--) hide(next_word(&at, end));
  for (int each = 0; each < count; each++) {
    char *path = next_word(&at, end);
    if ((errno = attach_clone(mounts[each], path)) != 0) fail(path);
    close(mounts[each]);
  }
  int words = atoi(next_word(&at, end));
  for (; used < words && used < WORDS_MAX; used++) program[used] = next_word(&at, end);
  program[used] = NULL;
  for (used = 0; at < end && used < WORDS_MAX; used++) variables[used] = next_word(&at, end);
  variables[used] = NULL;
  need(chdir("/var/task"), "/var/task");
  lose_rights();
  char nothing;
  if (box->waits) {
    while (read(CHANNEL_DESCRIPTOR, &nothing, 1) < 0 && errno == EINTR) continue;
    close(CHANNEL_DESCRIPTOR);
  }
  load_filter(box->descriptors[FILTER_DESCRIPTOR]);
  char number[16], *none[] = {NULL}, *hold[] = {"init", NULL}, *wait_for[] = {"init", number, NULL};
  pid_t started = start_program(program, variables);
  snprintf(number, sizeof number, "%d", started);
  syscall(SYS_execveat, box->init, "", started == 0 ? hold : wait_for, none, AT_EMPTY_PATH);
  fail("init");
}

static int put(int descriptor, int *next) {
  if (descriptor < 0) return -1;
  need(dup3(descriptor, *next, O_CLOEXEC), "descriptors");
  return (*next)++;
}

/* Only what it needs of what the helper has, which is all high; other sandboxes have theirs there. */
static void keep_descriptors(struct sandbox *box) {
  int next = FILTER_DESCRIPTOR;
  for (int at = 0; at < FILTER_DESCRIPTOR; at++)
    if (box->descriptors[at] < 0) close(at);
    else need(dup2(box->descriptors[at], at), "descriptors");
  for (int at = FILTER_DESCRIPTOR; at < FILTER_DESCRIPTOR + 2; at++) box->descriptors[at] = put(box->descriptors[at], &next);
  for (int at = 0; at < box->group_count; at++) box->groups[at] = put(box->groups[at], &next);
  box->volume = put(box->volume, &next);
  box->orders = put(box->orders, &next);
  box->init = put(init_program, &next);
  need(syscall(SYS_close_range, next, ~0U, 0), "descriptors");
}

static void construct(struct sandbox *box) {
  struct rlimit open_files = {box->open_files, box->open_files}, no_core = {0, 0};
  sigset_t none;
  char go;
  keep_descriptors(box);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  /* A thread that moves itself does not wait for all processes. */
  for (int at = 0; at < box->group_count; at++) need(write(box->groups[at], "0", 1), "group");
  /* The helper has said who this process is, and has put it into the group that it could not be made in. */
  if (recv(box->orders, &go, 1, 0) != 1) _exit(1);
  need(setresgid(box->group, box->group, box->group), "group");
  need(setresuid(box->user, box->user, box->user), "user");
  need(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "memory");
  /* Change of the user forgets it. A helper that has ended before sends nothing more. */
  need(prctl(PR_SET_PDEATHSIG, SIGKILL), "end with the helper");
  need(unshare(CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "namespaces");
  need(setrlimit(RLIMIT_NOFILE, &open_files), "open files");
  need(setrlimit(RLIMIT_CORE, &no_core), "core");
  need(sethostname(box->host_name, strlen(box->host_name)), "host name");
  bring_loopback_up();
  if ((errno = give_listeners(CHANNEL_DESCRIPTOR, box->listener_words, box->listeners)) != 0) fail("listeners");
  enter_root(box->volume);
  need(setsid(), "session");
  int information = box->descriptors[FILTER_DESCRIPTOR + 1];
  if (write(information, "built\n", 6) != 6) _exit(1);
  close(information);
  carry_out_order(box);
}

static int put_into(const char *group, pid_t process) {
  char path[4096], text[16];
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  snprintf(text, sizeof text, "%d", process);
  return write_text(path, text);
}

static int give_identity(pid_t process, int user, const char *const *files) {
  char path[64], map[64];
  for (int at = 0; files[at] != NULL; at += 2) {
    snprintf(path, sizeof path, "/proc/%d/%s", process, files[at]);
    snprintf(map, sizeof map, files[at + 1], user);
    int error = write_text(path, map);
    if (error != 0) return error;
  }
  return 0;
}

static int back_home(void) {
  return setns(own_mounts, CLONE_NEWNS) < 0 || fchdir(own_root) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -1 : 0;
}

static pid_t clone_into_template(int template, const char *group, int *is_inside) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.exit_signal = SIGCHLD;
  arguments.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID;
  int directory = *group == 0 ? -1 : open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*group != 0 && directory < 0) return -1;
  if (setns(template, CLONE_NEWNS) < 0) return -1;
  *is_inside = directory >= 0;
  pid_t child = -1;
  if (directory >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = directory;
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child < 0) *is_inside = 0;
    arguments.flags &= ~CLONE_INTO_CGROUP;
    arguments.cgroup = 0;
  }
  if (child < 0) child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) return 0;
  int error = errno;
  if (directory >= 0) close(directory);
  /* Without its mounts it can serve nobody. */
  if (back_home() < 0) leave(1);
  errno = error;
  return child;
}

/*
 * words: number of the template, mount point of its volume or "", user on the host, user and group inside, host name,
 * adjustment of the OOM score, limit of open files, group of version 2 or "", how many descriptors, the descriptors (as
 * for launch; those behind the program's are of the filter and of what tells that the sandbox stands), how many files of
 * groups, the files, name and port of each of its listeners.
 */
static int build(int count, char **words, pid_t *child) {
  struct sandbox box;
  int wanted = count > 9 ? atoi(words[9]) : -1, gate = -1, error = 0, is_inside = 0, pair[2];
  if (wanted != FILTER_DESCRIPTOR + 2 || count < wanted + 11) return EINVAL;
  char **files = words + 10 + wanted + 1;
  int template = atoi(words[0]), groups = atoi(files[-1]), user = atoi(words[2]);
  const char *group = words[8];
  if (groups < 0 || groups > GROUPS_MAX || count < wanted + 11 + groups) return EINVAL;
  if (template < 0 || template >= template_count || user < 1 || launched_count == LAUNCHED_MAX) return EINVAL;
  if (*words[1] != 0 && !is_below(words[1])) return EPERM;
  memset(&box, -1, sizeof box);
  box.user = atoi(words[3]);
  box.group = atoi(words[4]);
  box.host_name = words[5];
  box.open_files = atoi(words[7]);
  box.group_count = groups;
  box.listener_words = count - wanted - 11 - groups;
  box.listeners = files + groups;
  open_descriptors(wanted, words + 10, box.descriptors, &gate, &error);
  box.waits = gate >= 0;
  /* The listeners are not given from here. */
  if (gate >= 0) close(gate);
  if (error == 0 && *words[1] != 0 && (box.volume = high(open_clone(words[1]))) < 0) error = errno;
  for (int at = 0; at < groups && error == 0; at++)
    if ((box.groups[at] = high(open(files[at], O_WRONLY | O_CLOEXEC))) < 0) error = errno;
  if (error == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) error = errno;
  *child = -1;
  if (error == 0) {
    pair[0] = high(pair[0]);
    box.orders = high(pair[1]);
    *child = clone_into_template(templates[template], group, &is_inside);
    if (*child == 0) {
      close(pair[0]);
      construct(&box);
      _exit(1);
    }
    if (*child < 0) {
      error = errno;
      close(pair[0]);
    }
    close(box.orders);
  }
  char uids[64], gids[64];
  snprintf(uids, sizeof uids, "%d %%d 1", box.user);
  snprintf(gids, sizeof gids, "%d %%d 1", box.group);
  const char *const identity[] = {"setgroups", "deny", "uid_map", uids, "gid_map", gids, "oom_score_adj", words[6], NULL};
  if (error == 0) error = give_identity(*child, user, identity);
  if (error == 0 && *group != 0 && !is_inside) error = put_into(group, *child);
  if (error == 0 && send(pair[0], "", 1, MSG_NOSIGNAL) != 1) error = errno;
  close_descriptors(wanted, box.descriptors);
  close_descriptors(groups, box.groups);
  close_descriptors(1, &box.volume);
  if (error == 0) {
    remember(*child, group, -1, pair[0]);
    return 0;
  }
  if (*child > 0) {
    kill(*child, SIGKILL);
    remember(*child, group, -1, pair[0]);
  }
  return error;
}

/*
 * Gives a sandbox that has been built what it is to show, and so starts it. words: process, how many mounts, for each
 * its source and "ro" or "rw"; then the order, in one piece up to its end.
 */
static int start(int count, char **words, const char *end) {
  int mounts[MOUNTS_MAX], opened = 0, error = 0, wanted = count > 1 ? atoi(words[1]) : -1;
  if (wanted < 0 || wanted > MOUNTS_MAX || count < 2 + 2 * wanted + 1) return EINVAL;
  int orders = take_kept(launched_orders, atoi(words[0]));
  if (orders < 0) return ESRCH;
  for (; opened < wanted && error == 0; opened++) {
    char **each = words + 2 + 2 * opened;
    uint64_t attributes = ATTRIBUTE_NOSUID | ATTRIBUTE_NODEV | (strcmp(each[1], "rw") == 0 ? 0 : ATTRIBUTE_RDONLY);
    mounts[opened] = -1;
    if (!is_below(each[0])) error = EPERM;
    else if ((mounts[opened] = syscall(SYS_open_tree, AT_FDCWD, each[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)) < 0) error = errno;
    else error = set_attributes(mounts[opened], "", attributes, MS_SLAVE, 1);
  }
  char control[CMSG_SPACE(MOUNTS_MAX * sizeof(int))], *from = words[2 + 2 * wanted];
  struct iovec text = {from, end - from};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  if (wanted > 0) {
    memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(wanted * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(wanted * sizeof(int));
    memcpy(CMSG_DATA(header), mounts, wanted * sizeof(int));
  }
  if (error == 0 && sendmsg(orders, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)text.iov_len) error = errno;
  close_descriptors(opened, mounts);
  close(orders);
  return error;
}
`;
