/*
 * The native part of the zygote for Node.js (zygote.cjs): what JavaScript cannot do. By Node-API, whose functions are declared
 * here as they are documented, since few machines have its headers.
 */
#include "zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
int napi_create_int32(napi_env, int32_t, napi_value *);
int napi_create_array_with_length(napi_env, size_t, napi_value *);
int napi_set_element(napi_env, napi_value, uint32_t, napi_value);
int napi_get_element(napi_env, napi_value, uint32_t, napi_value *);
int napi_get_array_length(napi_env, napi_value, uint32_t *);
int napi_get_value_int32(napi_env, napi_value, int32_t *);
int napi_get_value_string_utf8(napi_env, napi_value, char *, size_t, size_t *);
int napi_get_buffer_info(napi_env, napi_value, void **, size_t *);
int napi_throw_error(napi_env, const char *, const char *);

#define PARAMETERS_MAX 5
#define WORDS_MAX 16
/* Where nothing that children have comes to lie. */
#define CONTROL_DESCRIPTOR 100

static struct settings settings;

static napi_value fail(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

static void parameters(napi_env env, napi_callback_info info, napi_value *values) {
  size_t count = PARAMETERS_MAX;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
}

static int number(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

static napi_value told(napi_env env, int result) {
  napi_value value;
  napi_create_int32(env, result, &value);
  return value;
}

static int text(napi_env env, napi_value value, char *into) {
  size_t length = 0;
  napi_get_value_string_utf8(env, value, into, PATH_LENGTH_MAX, &length);
  /* One that is just as long may have been cut off. */
  return length < PATH_LENGTH_MAX - 1 ? 0 : -1;
}

/*
 * restart(program, words): the same program once more, without the rings of io_uring, which a child would share with its parent.
 * libuv does as on older kernels then.
 */
static napi_value restart(napi_env env, napi_callback_info info) {
  static char program[PATH_LENGTH_MAX], words[WORDS_MAX][PATH_LENGTH_MAX];
  static char *pointers[WORDS_MAX + 1];
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  napi_value values[PARAMETERS_MAX], word;
  uint32_t count = 0;
  parameters(env, info, values);
  int wrong = text(env, values[0], program);
  napi_get_array_length(env, values[1], &count);
  if (count > WORDS_MAX) wrong = -1;
  for (uint32_t at = 0; wrong == 0 && at < count; at++) {
    napi_get_element(env, values[1], at, &word);
    wrong = text(env, word, words[at]);
    pointers[at] = words[at];
  }
  if (wrong != 0) return fail(env, "the command is too long");
  /* Node keeps what it has from its parent to itself. */
  for (int descriptor = 0; descriptor < OWN_DESCRIPTORS; descriptor++) fcntl(descriptor, F_SETFD, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0) execv(program, pointers);
  return fail(env, strerror(errno));
}

/* configure(user, group, openFiles, oomScoreAdjustment, filter) */
static napi_value configure(napi_env env, napi_callback_info info) {
  napi_value values[PARAMETERS_MAX];
  void *filter = NULL;
  size_t length = 0;
  parameters(env, info, values);
  settings.user = number(env, values[0]);
  settings.group = number(env, values[1]);
  settings.open_files = number(env, values[2]);
  settings.oom_score_adjustment = number(env, values[3]);
  napi_get_buffer_info(env, values[4], &filter, &length);
  settings.filter = malloc(length);
  if (settings.filter == NULL || length == 0) return fail(env, "there is no filter");
  memcpy(settings.filter, filter, length);
  settings.filter_length = length;
  return NULL;
}

/* takeControl(descriptor): the same, where children will not have their own. */
static napi_value take_control(napi_env env, napi_callback_info info) {
  napi_value values[PARAMETERS_MAX];
  parameters(env, info, values);
  int given = number(env, values[0]), nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  int control = fcntl(given, F_DUPFD_CLOEXEC, CONTROL_DESCRIPTOR);
  if (control < 0 || nothing < 0 || dup3(nothing, given, O_CLOEXEC) < 0) return fail(env, "there is no control");
  close(nothing);
  fcntl(control, F_SETFL, fcntl(control, F_GETFL) & ~O_NONBLOCK);
  return told(env, control);
}

/*
 * serve(control, firstAnswer): [the process's number, which the how manyth child of the zygote it is, a random number], in
 * children only.
 */
static napi_value serve(napi_env env, napi_callback_info info) {
  napi_value values[PARAMETERS_MAX], result;
  char first_answer[PATH_LENGTH_MAX];
  uint32_t random = 0;
  parameters(env, info, values);
  int control = number(env, values[0]);
  if (text(env, values[1], first_answer) != 0) return fail(env, "the answer is too long");
  const char *wrong = prepare_copies(control);
  if (wrong != NULL) {
    /* What has been stopped would be waited for. */
    dprintf(STDERR_FILENO, "%s\n", wrong);
    _exit(1);
  }
  if (prepare_entrance() < 0) _exit(1);
  int which = serve_orders(control, first_answer, &settings);
  if (getrandom(&random, sizeof random, 0) != sizeof random) return fail(env, "there is no randomness");
  random &= 0x7fffffff;
  napi_create_array_with_length(env, 3, &result);
  napi_set_element(env, result, 0, told(env, getpid()));
  napi_set_element(env, result, 1, told(env, which));
  /* V8 takes 0 for none. */
  napi_set_element(env, result, 2, told(env, random == 0 ? 1 : random));
  return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct { const char *name; napi_callback function; } all[] = {
      {"restart", restart}, {"configure", configure}, {"takeControl", take_control}, {"serve", serve},
  };
  for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
    napi_value function;
    napi_create_function(env, all[at].name, strlen(all[at].name), all[at].function, NULL, &function);
    napi_set_named_property(env, exports, all[at].name, function);
  }
  return exports;
}
