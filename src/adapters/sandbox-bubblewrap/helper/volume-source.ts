/**
 * The part of the helper that makes volumes for /tmp: a nameless copy of a formatted file behind a loop device, mounted
 * where the sandbox finds it. The device is free again when nothing has it mounted or open.
 */
export const VOLUME_SOURCE = `
static int copy_data(int from, int to, off_t size) {
  static char buffer[65536];
  if (ftruncate(to, size) < 0) return errno;
  for (off_t data = lseek(from, 0, SEEK_DATA); data >= 0;) {
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0) return errno;
    while (data < hole) {
      size_t wanted = hole - data > (off_t)sizeof buffer ? sizeof buffer : (size_t)(hole - data);
      ssize_t length = pread(from, buffer, wanted, data);
      if (length <= 0) return length < 0 ? errno : EIO;
      if (pwrite(to, buffer, length, data) != length) return EIO;
      data += length;
    }
    data = lseek(from, hole, SEEK_DATA);
  }
  return errno == ENXIO ? 0 : errno;
}

/* The device is free again when nothing has it mounted or open. */
static int attach_loop(int file, char *device, size_t size) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  for (int attempt = 0; attempt < LOOP_ATTEMPTS; attempt++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) break;
    snprintf(device, size, "/dev/loop%d", number);
    int loop = open(device, O_RDWR | O_CLOEXEC);
    if (loop < 0) break;
    struct loop_config config;
    memset(&config, 0, sizeof config);
    config.fd = file;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
      close(control);
      return loop;
    }
    int error = errno;
    close(loop);
    errno = error;
    if (error != EBUSY) break;
  }
  int error = errno;
  close(control);
  errno = error;
  return -1;
}

/* words: template, directory for the nameless copy, mount point, options of ext4. */
static int make_volume(char **words) {
  char device[64];
  if (!is_below(words[2])) return EPERM;
  int from = open(words[0], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (from < 0 || fstat(from, &status) < 0) return errno;
  int file = open(words[1], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  int error = copy_data(from, file, status.st_size);
  if (error != 0) return error;
  int loop = attach_loop(file, device, sizeof device);
  if (loop < 0) return errno;
  if (mkdir(words[2], 0755) < 0) return errno;
  if (mount(device, words[2], "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, words[3]) == 0) return 0;
  error = errno;
  rmdir(words[2]);
  return error;
}

/*
 * Whether nothing was added to what a new volume's root directory says of itself, as far as only this can be asked: its
 * attributes, its flags, and a number that its owner may change.
 */
static int is_unchanged(const char *path) {
  long flags = 0, number = 0;
  if (!is_below(path)) return EPERM;
  int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (root < 0) return errno;
  ssize_t attributes = flistxattr(root, NULL, 0);
  int error = attributes < 0 || ioctl(root, GET_FLAGS, &flags) < 0 || ioctl(root, GET_NUMBER, &number) < 0 ? errno : 0;
  close(root);
  if (error != 0) return error;
  return attributes > 0 || ((unsigned)flags & ~FLAG_EXTENTS) != 0 || (unsigned)number != 0 ? ENOTEMPTY : 0;
}

/* words: mount point. */
static int discard_volume(char **words) {
  if (!is_below(words[0])) return EPERM;
  if (umount2(words[0], UMOUNT_NOFOLLOW) < 0) return errno;
  return rmdir(words[0]) < 0 ? errno : 0;
}
`;
