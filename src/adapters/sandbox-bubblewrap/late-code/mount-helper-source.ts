/**
 * The C source of the mount helper: `mount(2)` takes microseconds where starting `mount` takes milliseconds. It reads
 * commands on standard input, three texts each ended by NUL: "bind" or "unmount", source, target. It answers each with
 * a line that holds the error number, 0 for none, and ends with its input. Both paths must lie below the directory
 * given as its one argument.
 */
export const MOUNT_HELPER_SOURCE = String.raw`#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static int is_below(const char *path, const char *root) {
  size_t length = strlen(root);
  return strncmp(path, root, length) == 0 && path[length] == '/' && strstr(path, "/..") == NULL;
}

static int carry_out(char *words[3], const char *root) {
  const char *command = words[0], *source = words[1], *target = words[2];
  if (!is_below(target, root)) return EPERM;
  if (strcmp(command, "unmount") == 0) return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? 0 : errno;
  if (strcmp(command, "bind") != 0) return EINVAL;
  if (!is_below(source, root)) return EPERM;
  return mount(source, target, NULL, MS_BIND, NULL) == 0 ? 0 : errno;
}

int main(int count, char **parameters) {
  char *words[3] = {NULL, NULL, NULL};
  size_t capacities[3] = {0, 0, 0};
  if (count != 2) return 2;
  for (;;) {
    for (int word = 0; word < 3; word++)
      if (getdelim(&words[word], &capacities[word], 0, stdin) < 0) return 0;
    if (printf("%d\n", carry_out(words, parameters[1])) < 0 || fflush(stdout) != 0) return 1;
  }
}
`;
