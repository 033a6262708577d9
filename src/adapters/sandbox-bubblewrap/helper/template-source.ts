/**
 * The part of the helper that makes templates: mount namespaces that contain nothing but the file system that sandboxes
 * begin with. A sandbox gets a copy of one, with all mounts locked, instead of making each mount by itself. No process
 * lives in a template and no path leads to it; it ends with the helper.
 *
 * Its root is a small file system of which sandboxes see nothing: "root" is what becomes theirs, and "proc" is there
 * because the kernel lets a user namespace mount /proc only where one can be seen already.
 */
export const TEMPLATE_SOURCE = `
static int templates[TEMPLATES_MAX];
static int template_count = 0;

/* With exactly this mode: the caller has cleared the mask. */
static int make_empty(const char *path, int is_directory, int mode) {
  if (is_directory) return mkdir(path, mode) < 0 && errno != EEXIST ? errno : 0;
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
  if (file < 0) return errno;
  close(file);
  return 0;
}

/* And the directories above. */
static int make_below(char *path, int is_directory) {
  for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    int error = make_empty(path, 1, 0755);
    *slash = '/';
    if (error != 0) return error;
  }
  return make_empty(path, is_directory, is_directory ? 0755 : 0644);
}

static int set_attributes(int mount, const char *path, uint64_t attributes, uint64_t propagation, int recursive) {
  struct {
    uint64_t set, cleared, propagation, user;
  } wanted = {attributes, 0, propagation, 0};
  int flags = (*path == 0 ? AT_EMPTY_PATH : 0) | (recursive ? AT_RECURSIVE : 0);
  return syscall(SYS_MOUNT_SETATTR, mount, path, flags, &wanted, sizeof wanted) < 0 ? errno : 0;
}

static int bind_below(const char *source, const char *path) {
  int clone = syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (clone < 0) return errno;
  int error = set_attributes(clone, "", ATTRIBUTE_RDONLY | ATTRIBUTE_NOSUID | ATTRIBUTE_NODEV, 0, 1);
  return error == 0 ? attach_clone(clone, path) : error;
}

static int make_device(const char *path, const char *source) {
  struct stat status;
  if (stat(source, &status) < 0) return errno;
  if (!S_ISCHR(status.st_mode)) return ENODEV;
  return mknod(path, S_IFCHR | 0666, status.st_rdev) < 0 ? errno : 0;
}

static int carry_out_step(const char *step, char *path, const char *value) {
  if (strcmp(step, "directory") == 0) return make_below(path, 1);
  if (strcmp(step, "file") == 0) return make_below(path, 0);
  if (strcmp(step, "link") == 0) return symlink(value, path) < 0 ? errno : 0;
  if (strcmp(step, "device") == 0) return make_device(path, value);
  if (strcmp(step, "bind") == 0) return bind_below(value, path);
  if (strcmp(step, "memory") == 0) {
    char options[64];
    snprintf(options, sizeof options, "mode=755,size=%s", value);
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? errno : 0;
  }
  /* Also what is in it may not be executed; devices are there to be opened. */
  if (strcmp(step, "devices") == 0)
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=65536") < 0 ? errno : 0;
  if (strcmp(step, "close") == 0) return set_attributes(AT_FDCWD, path, ATTRIBUTE_RDONLY, 0, 0);
  return EINVAL;
}

/* In a process of its own. words: an empty directory, then three for each step: its name, path below the root, value. */
static int build_template(int count, char **words) {
  char path[4096];
  if (!is_below(words[0]) || (count - 1) % 3 != 0) return EINVAL;
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return errno;
  umask(0);
  if (mount("tmpfs", words[0], "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=65536") < 0) return errno;
  if (chdir(words[0]) < 0 || mkdir("root", 0755) < 0 || mkdir("proc", 0755) < 0) return errno;
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return errno;
  if (mount("tmpfs", "root", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1048576") < 0) return errno;
  for (int at = 1; at < count; at += 3) {
    int length = snprintf(path, sizeof path, "root%s", words[at + 1]);
    if (length >= (int)sizeof path || strstr(path, "/..") != NULL) return EINVAL;
    int error = carry_out_step(words[at], path, words[at + 2]);
    if (error != 0) return error;
  }
  if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) return errno;
  return 0;
}

/* The answer is the template's number. */
static int make_template(int count, char **words, int *number) {
  int said[2], heard[2], error = EIO;
  char path[64], nothing;
  if (template_count == TEMPLATES_MAX) return ENOSPC;
  if (pipe2(said, O_CLOEXEC) < 0) return errno;
  if (pipe2(heard, O_CLOEXEC) < 0) return errno;
  pid_t child = fork();
  if (child == 0) {
    close(heard[1]);
    error = build_template(count, words);
    if (write(said[1], &error, sizeof error) < 0) _exit(1);
    /* The namespace lives until it has been opened. */
    if (read(heard[0], &nothing, 1) < 0) _exit(1);
    _exit(0);
  }
  close(said[1]);
  if (child < 0 || read(said[0], &error, sizeof error) != sizeof error) error = EIO;
  if (error == 0) {
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", child);
    templates[template_count] = open(path, O_RDONLY | O_CLOEXEC);
    if (templates[template_count] < 0) error = errno;
    else *number = template_count++;
  }
  close(said[0]);
  close(heard[0]);
  close(heard[1]);
  return error;
}
`;
