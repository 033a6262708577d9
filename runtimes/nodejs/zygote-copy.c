/*
 * Copies of a process with all its threads.
 *
 * fork() copies the calling thread alone, and a Node.js without V8's workers waits for them forever. Here the other
 * threads are stopped in a signal handler, once and for good. A copy has their stacks and all they know; it only has to have
 * the kernel run them again, each from where it was stopped, with the same thread-local memory. They leave the handler then,
 * and what they waited for goes on to be waited for.
 *
 * What a copy shares with the original, until it gets its own, are descriptors: the queues of events, their alarms and the
 * pipes that libuv talks to itself by.
 */
#include "zygote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 128
#define DESCRIPTORS_MAX 128
#define WATCHED_MAX 256
#define PIPED_MAX 64
#define STOP_SIGNAL (SIGRTMAX - 3)
/* Steps of a millisecond until all threads have stopped. */
#define STOP_STEPS 5000
/* Below where a thread was stopped nothing of its stack is in use. */
#define BELOW_STACK 8192

struct stopped {
  void *tls, *id_address, *locks;
  size_t locks_length;
  char *stack, name[16];
  jmp_buf where;
  atomic_int is_ready;
};

enum kind { ALARM, QUEUE, PIPE_END, NOTHING };

struct descriptor {
  int number;
  enum kind kind;
};

struct pipe {
  int read_end, write_end, flags;
  char content[PIPED_MAX];
  int length;
};

struct watched {
  int queue, number;
  struct epoll_event event;
};

static struct stopped threads[THREADS_MAX];
static atomic_int arrived;
static int never;

static struct descriptor descriptors[DESCRIPTORS_MAX];
static struct pipe pipes[DESCRIPTORS_MAX];
static struct watched watched[WATCHED_MAX];
static int descriptor_count, pipe_count, watched_count;
static char problem[256];

static void stop_here(int number) {
  int before = errno;
  struct stopped *mine = &threads[atomic_fetch_add(&arrived, 1)];
  (void)number;
  mine->tls = __builtin_thread_pointer();
  prctl(PR_GET_TID_ADDRESS, &mine->id_address, 0, 0, 0);
  syscall(SYS_get_robust_list, 0, &mine->locks, &mine->locks_length);
  prctl(PR_GET_NAME, mine->name, 0, 0, 0);
  if (setjmp(mine->where) == 0) {
    char here;
    mine->stack = (char *)(((uintptr_t)&here - BELOW_STACK) & ~(uintptr_t)15);
    atomic_store(&mine->is_ready, 1);
    for (;;) syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
  }
  errno = before;
}

/* In a copy, on the stack of the thread, which is that thread again when this does not return. */
static int resume(void *at) {
  struct stopped *mine = at;
  syscall(SYS_set_robust_list, mine->locks, mine->locks_length);
  prctl(PR_SET_NAME, mine->name, 0, 0, 0);
  longjmp(mine->where, 1);
}

static int read_whole(const char *path, char *text, int size) {
  int file = open(path, O_RDONLY | O_CLOEXEC), length = 0, got;
  if (file < 0) return -1;
  while (length < size - 1 && (got = read(file, text + length, size - 1 - length)) > 0) length += got;
  close(file);
  text[length] = 0;
  return length;
}

/* Node's watchdog of SIGUSR1 takes no signals at all; copies go without it. */
static int takes_signal(const char *task) {
  char path[64], text[4096], *at;
  snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
  if (read_whole(path, text, sizeof text) < 0 || (at = strstr(text, "SigBlk:")) == NULL) return 0;
  return (strtoull(at + 7, NULL, 16) >> (STOP_SIGNAL - 1) & 1) == 0;
}

static const char *stop_threads(void) {
  struct sigaction stop = {.sa_handler = stop_here, .sa_flags = SA_RESTART};
  int count = 0, step = 0;
  sigfillset(&stop.sa_mask);
  if (sigaction(STOP_SIGNAL, &stop, NULL) < 0) return "the signal cannot be taken";
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return "the threads cannot be listed";
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    int id = atoi(task->d_name);
    if (id == 0 || id == gettid() || !takes_signal(task->d_name)) continue;
    if (count == THREADS_MAX) break;
    if (syscall(SYS_tgkill, getpid(), id, STOP_SIGNAL) == 0) count++;
  }
  closedir(tasks);
  if (count == THREADS_MAX) return "there are too many threads";
  for (int thread = 0; thread < count; thread++)
    while (!atomic_load(&threads[thread].is_ready)) {
      if (++step > STOP_STEPS) return "a thread does not stop";
      nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
  for (int thread = 0; thread < count; thread++)
    if (threads[thread].id_address == NULL) return "the kernel does not tell where a thread has its number";
  return NULL;
}

static int note_queue(int number) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", number);
  if (read_whole(path, text, sizeof text) < 0) return -1;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    int target;
    unsigned events;
    unsigned long long data;
    if (sscanf(line, "tfd: %d events: %x data: %llx", &target, &events, &data) != 3) continue;
    if (watched_count == WATCHED_MAX) return -1;
    watched[watched_count++] = (struct watched){number, target, {.events = events, .data.u64 = data}};
  }
  return 0;
}

/* libuv keeps a byte in one of its pipes, as a lock. */
static void note_content(struct pipe *pipe) {
  int waiting = 0;
  ioctl(pipe->read_end, FIONREAD, &waiting);
  pipe->flags = fcntl(pipe->read_end, F_GETFL) & O_NONBLOCK;
  if (waiting <= 0 || waiting > PIPED_MAX) return;
  pipe->length = read(pipe->read_end, pipe->content, waiting);
  if (write(pipe->write_end, pipe->content, pipe->length) != pipe->length) pipe->length = 0;
}

/* The first end of a pipe that is met waits for its other one. */
static int note_pipe(int number, const char *name) {
  static struct { char name[64]; int number; } ends[DESCRIPTORS_MAX];
  static int count;
  for (int at = 0; at < count; at++) {
    if (strcmp(ends[at].name, name) != 0) continue;
    int is_reader = (fcntl(number, F_GETFL) & O_ACCMODE) == O_RDONLY;
    struct pipe *pipe = &pipes[pipe_count++];
    pipe->read_end = is_reader ? number : ends[at].number;
    pipe->write_end = is_reader ? ends[at].number : number;
    note_content(pipe);
    ends[at] = ends[--count];
    return count;
  }
  snprintf(ends[count].name, sizeof ends[count].name, "%s", name);
  ends[count++].number = number;
  return count;
}

static int kind_of(const char *name) {
  if (strcmp(name, "anon_inode:[eventfd]") == 0) return ALARM;
  if (strcmp(name, "anon_inode:[eventpoll]") == 0) return QUEUE;
  if (strncmp(name, "pipe:", 5) == 0) return PIPE_END;
  if (strcmp(name, "/dev/null") == 0) return NOTHING;
  return -1;
}

static const char *note_descriptors(int control) {
  int open_ends = 0;
  for (int number = OWN_DESCRIPTORS; number < DESCRIPTORS_MAX; number++) {
    char path[64], name[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    ssize_t length = readlink(path, name, sizeof name - 1);
    if (length < 0 || number == control) continue;
    name[length] = 0;
    int kind = kind_of(name);
    if (kind < 0) {
      snprintf(problem, sizeof problem, "descriptor %d is %s", number, name);
      return problem;
    }
    descriptors[descriptor_count++] = (struct descriptor){number, kind};
    if (kind == QUEUE && note_queue(number) < 0) return "a queue of events cannot be read";
    if (kind == PIPE_END) open_ends = note_pipe(number, name);
  }
  return open_ends == 0 ? NULL : "there is a pipe to somewhere else";
}

/* V8 keeps its heap from children, which could not use it otherwise. */
static const char *copy_everything(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512];
  if (maps == NULL) return "the memory cannot be listed";
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to, inode = 1;
    if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &from, &to, &inode) != 3 || inode != 0) continue;
    /* What belongs to the kernel goes its own way. */
    madvise((void *)from, to - from, MADV_DOFORK);
  }
  fclose(maps);
  return NULL;
}

const char *prepare_copies(int control) {
  const char *wrong = stop_threads();
  if (wrong == NULL) wrong = note_descriptors(control);
  return wrong == NULL ? copy_everything() : wrong;
}

pid_t make_copy(void) {
  void *id_address = NULL, *locks = NULL;
  size_t locks_length = 0;
  if (prctl(PR_GET_TID_ADDRESS, &id_address, 0, 0, 0) < 0) return -1;
  syscall(SYS_get_robust_list, 0, &locks, &locks_length);
  /* Not fork(), which takes the memory of threads that it has not copied for free. */
  pid_t copy = syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, NULL, id_address, 0);
  if (copy == 0) syscall(SYS_set_robust_list, locks, locks_length);
  return copy;
}

void close_others(void) {
  int from = OWN_DESCRIPTORS;
  for (int at = 0; at < descriptor_count; at++) {
    int kept = descriptors[at].number;
    if (kept > from) syscall(SYS_close_range, from, kept - 1, 0);
    from = kept + 1;
  }
  syscall(SYS_close_range, from, ~0U, 0);
}

static int put(int from, int to) {
  int result = from < 0 ? -1 : dup3(from, to, O_CLOEXEC);
  if (from >= 0) close(from);
  return result;
}

static int remake_pipe(const struct pipe *pipe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | pipe->flags) < 0) return -1;
  if (write(ends[1], pipe->content, pipe->length) != pipe->length) return -1;
  return put(ends[0], pipe->read_end) < 0 || put(ends[1], pipe->write_end) < 0 ? -1 : 0;
}

static int remake_descriptors(void) {
  for (int at = 0; at < descriptor_count; at++) {
    int number = descriptors[at].number, made = 0;
    if (descriptors[at].kind == ALARM) made = put(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), number);
    if (descriptors[at].kind == QUEUE) made = put(epoll_create1(EPOLL_CLOEXEC), number);
    if (descriptors[at].kind == NOTHING) made = put(open("/dev/null", O_RDONLY | O_CLOEXEC), number);
    if (made < 0) return -1;
  }
  for (int at = 0; at < pipe_count; at++)
    if (remake_pipe(&pipes[at]) < 0) return -1;
  for (int at = 0; at < watched_count; at++)
    if (epoll_ctl(watched[at].queue, EPOLL_CTL_ADD, watched[at].number, &watched[at].event) < 0) return -1;
  return 0;
}

int complete_copy(void) {
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
              CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  if (remake_descriptors() < 0) return -1;
  signal(STOP_SIGNAL, SIG_DFL);
  for (int at = 0; at < atomic_load(&arrived); at++) {
    struct stopped *thread = &threads[at];
    void *id = thread->id_address;
    if (clone(resume, thread->stack, flags, thread, id, thread->tls, id) < 0) return -1;
  }
  return 0;
}
