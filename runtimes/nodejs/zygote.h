/* What the parts of zygote.node have of each other. */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/types.h>

#if !defined(__x86_64__) || !defined(__GLIBC__)
#error "copies of a process with its threads are made on x86-64 with the GNU C library only"
#endif

/* Below these are a program's output, its channel and its log records, and what stands in their place before. */
#define OWN_DESCRIPTORS 5

/* zygote-copy.c: copies of this process with all its threads. */

/*
 * Stops all other threads for good, where they take signals, and notes what this process has open but for `control`. Without
 * that no copies can be made, of which each gets its own. Returns NULL, or what is in the way.
 */
const char *prepare_copies(int control);
/* As fork(), but in the copy nothing runs but the caller, who has the original's descriptors, until `complete_copy`. */
pid_t make_copy(void);
/* Closes what is not to be the copy's, from OWN_DESCRIPTORS on. */
void close_others(void);
/* Gives the copy descriptors of its own and its threads. Returns -1 with errno. */
int complete_copy(void);

/* zygote-entrance.c: from outside of all sandboxes into one. */

#define ENTRANCES_MAX 16
#define PATH_LENGTH_MAX 256

struct order {
  pid_t holder;
  char group[PATH_LENGTH_MAX], runs[PATH_LENGTH_MAX];
  char entrances[ENTRANCES_MAX][PATH_LENGTH_MAX];
  int entrance_count;
};

struct settings {
  int user, group, open_files, oom_score_adjustment;
  void *filter;
  size_t filter_length;
};

/* Once, before the first of the following. Returns -1 with errno. */
int prepare_entrance(void);
/* The process id of a copy, which runs on from here when it is inside of its sandbox, with 0; -1 with errno. */
pid_t fork_into(const struct order *order, const struct settings *settings);

/* zygote-orders.c: what is done between the first fork and the end. */

/*
 * Answers the platform with `first_answer`, then takes its orders. Returns in children only, which the how manyth it is; the
 * original ends when the platform does.
 */
int serve_orders(int control, const char *first_answer, const struct settings *settings);
