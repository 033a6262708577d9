/*
 * The way of a copy of the zygote into a sandbox that stands ready, or is about to: first under the sandbox's limits, then
 * into its namespaces, then without any right. Each step takes away what only the steps before needed.
 *
 * Without memory of the C library's: threads that it thinks to have do not run yet.
 */
#include "zygote.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define HIGH 200
#define CAPABILITIES 64
/* Steps of half a millisecond of waiting for the sandbox to be built, which takes some milliseconds. */
#define WAIT_STEPS 20000
#define FAILED 125

static int own_namespace = -1;

int prepare_entrance(void) {
  int low = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  own_namespace = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, HIGH);
  if (low >= 0) close(low);
  return own_namespace < 0 ? -1 : 0;
}

static void need(long result, const char *step) {
  char text[256];
  if (result >= 0) return;
  int length = snprintf(text, sizeof text, "the sandbox cannot be entered: %s: %s\n", step, strerrordesc_np(errno));
  if (write(STDERR_FILENO, text, length) < 0) _exit(FAILED);
  _exit(FAILED);
}

static void say(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  need(file, path);
  need(write(file, text, strlen(text)), path);
  close(file);
}

/* The number may belong to another process by now: that one is in another group. */
static int belongs(const struct order *order) {
  char path[64], text[4096], end[PATH_LENGTH_MAX + 3];
  snprintf(path, sizeof path, "/proc/%d/cgroup", order->holder);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (length < 0) return 0;
  text[length] = 0;
  snprintf(end, sizeof end, "/%s\n", order->group);
  return strstr(text, end) != NULL;
}

/* When its first process runs the program that holds it, everything is in place: that is done last. */
static void await_sandbox(const struct order *order) {
  char path[64], program[PATH_LENGTH_MAX];
  snprintf(path, sizeof path, "/proc/%d/exe", order->holder);
  for (int step = 0; step < WAIT_STEPS; step++) {
    ssize_t length = readlink(path, program, sizeof program - 1);
    need(length, "its first process");
    program[length] = 0;
    if (strcmp(program, order->runs) == 0) return;
    nanosleep(&(struct timespec){0, 500000}, NULL);
  }
  errno = ETIMEDOUT;
  need(-1, "its first process");
}

/* The descriptors that the sandbox was built with: each a copy of the holder's own. Enters its namespaces. */
static void take_descriptors(int holder) {
  int held[OWN_DESCRIPTORS];
  for (int number = 1; number < OWN_DESCRIPTORS; number++) {
    int low = syscall(SYS_pidfd_getfd, holder, number, 0);
    need(low, "its descriptors");
    held[number] = fcntl(low, F_DUPFD_CLOEXEC, HIGH);
    need(held[number], "its descriptors");
    close(low);
  }
  need(setns(holder, NAMESPACES), "its namespaces");
  held[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
  need(held[0], "/dev/null");
  /* Node keeps what it has from its parent to itself. */
  for (int number = 0; number < OWN_DESCRIPTORS; number++) need(dup3(held[number], number, O_CLOEXEC), "its descriptors");
  close_others();
}

static void lose_rights(const struct settings *settings) {
  struct rlimit files = {settings->open_files, settings->open_files}, none = {0, 0};
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct nothing[2];
  memset(nothing, 0, sizeof nothing);
  need(setrlimit(RLIMIT_NOFILE, &files), "limits");
  need(setrlimit(RLIMIT_CORE, &none), "limits");
  /* Beyond the last one that this kernel knows it fails. */
  for (int capability = 0; capability < CAPABILITIES; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) break;
  /* In the sandbox's user namespace: the host knows it by the number of this sandbox alone. The library would ask threads. */
  need(syscall(SYS_setresgid, settings->group, settings->group, settings->group), "group");
  need(syscall(SYS_setresuid, settings->user, settings->user, settings->user), "user");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  need(syscall(SYS_capset, &header, nothing), "capabilities");
  need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new rights");
  /* A change of user makes a process opaque even to itself; nobody else can see this one. */
  need(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable");
  /* After the change of user, which undoes it. */
  need(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "end");
  setsid();
  need(chdir("/var/task"), "/var/task");
  struct sock_fprog program = {settings->filter_length / sizeof(struct sock_filter), settings->filter};
  need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "filter");
}

static void enter(const struct order *order, const struct settings *settings, int holder) {
  char number[16];
  int (*reseed)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "RAND_poll");
  for (int at = 0; at < order->entrance_count; at++) say(order->entrances[at], "0");
  snprintf(number, sizeof number, "%d", settings->oom_score_adjustment);
  say("/proc/self/oom_score_adj", number);
  await_sandbox(order);
  take_descriptors(holder);
  lose_rights(settings);
  need(complete_copy(), "threads");
  /* What all copies have of OpenSSL's state is the same. */
  errno = ENOSYS;
  need(reseed != NULL && reseed() == 1 ? 0 : -1, "random numbers");
}

pid_t fork_into(const struct order *order, const struct settings *settings) {
  int holder = syscall(SYS_pidfd_open, order->holder, 0), failed = 0;
  if (holder < 0) return -1;
  if (!belongs(order)) {
    close(holder);
    errno = ESRCH;
    return -1;
  }
  pid_t copy = setns(holder, CLONE_NEWPID) < 0 ? -1 : make_copy();
  if (copy == 0) {
    enter(order, settings, holder);
    return 0;
  }
  if (copy < 0) failed = errno;
  close(holder);
  if (setns(own_namespace, CLONE_NEWPID) < 0) _exit(FAILED);
  errno = failed;
  return copy;
}
