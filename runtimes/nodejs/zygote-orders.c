/*
 * What the zygote does between its first fork and its end: takes orders, forks, tells of ends. No JavaScript runs here. It
 * might have work for V8's workers, which are stopped: to wake one up can mean to wait for another one, for ever. It would also
 * leave orders of others behind in the heap that the next child gets.
 *
 * Orders are JSON as the platform writes it, whose texts need no escapes.
 */
#include "zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECEIVED_MAX 65536
#define CHILDREN_MAX 1024
#define ANSWER_MAX 1024

struct child {
  pid_t process;
  char name[PATH_LENGTH_MAX];
};

static char received[RECEIVED_MAX + 1];
static size_t received_length;
static struct child children[CHILDREN_MAX];
static int child_count, fork_count, has_listeners;
static sigset_t usual_signals, awaited_signals;

static void child_ended(int signal) { (void)signal; }

static void take_ends(void) {
  sigset_t ends;
  struct sigaction ended = {.sa_handler = child_ended};
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  sigaction(SIGCHLD, &ended, NULL);
  sigprocmask(SIG_BLOCK, &ends, &usual_signals);
  awaited_signals = usual_signals;
  sigdelset(&awaited_signals, SIGCHLD);
}

/* The platform's end is that of this process, too, at once: what is stopped would be waited for. */
static void answer(int control, const char *text) {
  for (size_t rest = strlen(text); rest > 0;) {
    ssize_t written = write(control, text, rest);
    if (written < 0 && errno != EINTR) _exit(0);
    if (written > 0) text += written, rest -= written;
  }
}

static const char *value_of(const char *line, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  const char *at = strstr(line, quoted);
  return at == NULL ? NULL : at + strlen(quoted);
}

/* Returns what follows the text; NULL when there is none, or not one like this. */
static const char *read_text(const char *at, char *into) {
  if (at == NULL || *at++ != '"') return NULL;
  size_t length = strcspn(at, "\"\\");
  if (at[length] != '"' || length >= PATH_LENGTH_MAX) return NULL;
  memcpy(into, at, length);
  into[length] = 0;
  return at + length + 1;
}

static int read_order(const char *line, struct order *order) {
  const char *at = value_of(line, "holder");
  order->holder = at == NULL ? 0 : atoi(at);
  at = value_of(line, "hasListeners");
  has_listeners = at != NULL && strncmp(at, "true", 4) == 0;
  if (order->holder <= 0 || read_text(value_of(line, "group"), order->group) == NULL) return -1;
  if (read_text(value_of(line, "runs"), order->runs) == NULL) return -1;
  at = value_of(line, "groups");
  if (at == NULL || *at++ != '[') return -1;
  for (order->entrance_count = 0; *at != ']'; order->entrance_count++) {
    if (order->entrance_count == ENTRANCES_MAX) return -1;
    at = read_text(at, order->entrances[order->entrance_count]);
    if (at == NULL) return -1;
    if (*at == ',') at++;
  }
  return 0;
}

/* Returns 0 in the child, and nowhere else. */
static pid_t fork_one(int control, const char *line, const char *name, const struct settings *settings) {
  static struct order order;
  char text[ANSWER_MAX];
  pid_t child = -1;
  errno = EINVAL;
  if (child_count == CHILDREN_MAX) errno = EAGAIN;
  else if (read_order(line, &order) == 0) {
    fork_count++;
    child = fork_into(&order, settings);
  }
  if (child == 0) return 0;
  if (child < 0) snprintf(text, sizeof text, "{\"failed\":\"%s\",\"reason\":\"%s\"}\n", name, strerrordesc_np(errno));
  else {
    children[child_count].process = child;
    snprintf(children[child_count++].name, PATH_LENGTH_MAX, "%s", name);
    snprintf(text, sizeof text, "{\"forked\":\"%s\",\"processId\":%d}\n", name, child);
  }
  answer(control, text);
  return 1;
}

/* One that has not been waited for keeps its number. */
static void terminate(const char *name) {
  for (int at = 0; at < child_count; at++)
    if (strcmp(children[at].name, name) == 0) kill(children[at].process, SIGTERM);
}

static void tell_ends(int control) {
  int status;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG)) > 0;) {
    int at = 0;
    char text[ANSWER_MAX];
    while (at < child_count && children[at].process != process) at++;
    /* A child can give this process children by CLONE_PARENT: nobody waits for those. */
    if (at == child_count) continue;
    const char *how = WIFSIGNALED(status) ? "signal" : "code";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    snprintf(text, sizeof text, "{\"ended\":\"%s\",\"%s\":%d}\n", children[at].name, how, number);
    children[at] = children[--child_count];
    answer(control, text);
  }
}

/* Returns 0 in a child, and nowhere else. */
static pid_t take_orders(int control, const struct settings *settings) {
  char name[PATH_LENGTH_MAX];
  ssize_t length = read(control, received + received_length, RECEIVED_MAX - received_length);
  if (length < 0 && errno == EINTR) return 1;
  if (length <= 0) _exit(0);
  received_length += length;
  received[received_length] = 0;
  char *line = received;
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = 0;
    if (read_text(value_of(line, "terminate"), name) != NULL) terminate(name);
    else if (read_text(value_of(line, "fork"), name) != NULL && fork_one(control, line, name, settings) == 0) return 0;
  }
  received_length -= line - received;
  memmove(received, line, received_length);
  return 1;
}

int serve_orders(int control, const char *first_answer, const struct settings *settings) {
  struct pollfd orders = {control, POLLIN, 0};
  take_ends();
  answer(control, first_answer);
  for (;;) {
    tell_ends(control);
    if (ppoll(&orders, 1, NULL, &awaited_signals) > 0 && take_orders(control, settings) == 0) break;
  }
  /* Of others' orders the child is to know nothing. */
  memset(received, 0, sizeof received);
  memset(children, 0, sizeof children);
  if (has_listeners) setenv("LAMBENT_LISTEN", "", 1);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, &usual_signals, NULL);
  return fork_count;
}
