/**
 * The C source of a sandbox's first process where the helper builds the sandbox. It is executed when nothing of the
 * host is left to it, so that it has nothing of the helper's memory, and without any variable of the function.
 *
 * "init" ends with its standard input and keeps the descriptors that a forked program takes from it; orphans are
 * cleared away by the kernel, as their ends are ignored. "init child" clears away orphans and ends with that child, the
 * sandbox's program: with its exit status, or with 128 and the number of its signal. With the first process the kernel
 * ends all others.
 */
export const INIT_SOURCE = `#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int hold(void) {
  char nothing;
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    ssize_t length = read(STDIN_FILENO, &nothing, 1);
    if (length == 0 || (length < 0 && errno != EINTR)) return 0;
  }
}

int main(int count, char **words) {
  prctl(PR_SET_NAME, "init");
  if (count < 2) return hold();
  pid_t program = atoi(words[1]);
  syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
  for (;;) {
    int status;
    pid_t ended = wait(&status);
    if (ended == program) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return 1;
  }
}
`;
