/*
 * What launcher.mjs does, for the plain case, without a Node.js to be started first: hands the listeners over and becomes
 * the JVM. Its arguments are the command that it stands before; where anything is out of the ordinary it becomes that
 * command instead, which is Lambent's Node with launcher.mjs. Neither a C library nor anything else of the machine is used.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/uio.h>
#include <stddef.h>

#define AF_INET 2
#define CHANNEL 3
/* As process_state.c has it; the channel is closed then. */
#define CONNECTION 3
#define BACKLOG 511
#define WORDS_MAX 1024
#define TEXT_MAX 8192
#define FIRST_LINE_ASKING_FOR_NATIVE_ACCESS 24

static const char *const jvm_options[] = {JVM_OPTIONS};
static const char *const started_options[] = {STARTED_OPTIONS};
static const char *const archive_options[] = {ARCHIVE_OPTIONS};
static const char *const archive_words[] = {ARCHIVE_WORDS};
static const char *const connected_options[] = {CONNECTED_OPTIONS};
static const char *const waiting_options[] = {WAITING_OPTIONS};
static const char *const waiting_options_asked[] = {WAITING_OPTIONS_ASKED};
__attribute__((used)) static const char sources[] = "sources " SOURCES_DIGEST;

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d, long e) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl begin\n");
#else
#error "no system calls for this architecture"
#endif

void *memset(void *at, int value, size_t count) {
    for (char *byte = at; count-- > 0; byte++) *byte = (char)value;
    return at;
}

static size_t length(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') count++;
    return count;
}

/* What follows the prefix; NULL where the text does not begin with it. */
static const char *after(const char *text, const char *prefix) {
    while (*prefix != '\0')
        if (*text++ != *prefix++) return NULL;
    return text;
}

static int contains(const char *text, const char *part) {
    for (; *text != '\0'; text++)
        if (after(text, part) != NULL) return 1;
    return 0;
}

/* Only digits count; 0 where there are none. */
static long number(const char *text) {
    long value = 0;
    while (text != NULL && *text >= '0' && *text <= '9' && value < 100000000) value = value * 10 + (*text++ - '0');
    return value;
}

static char texts[TEXT_MAX];
static size_t texts_used;

static void append(const char *text, size_t count) {
    if (texts_used + count >= TEXT_MAX) call(__NR_exit_group, 1, 0, 0, 0, 0);
    for (size_t at = 0; at < count; at++) texts[texts_used++] = text[at];
}

/* The two together; kept for good. */
static char *joined(const char *first, size_t count, const char *second) {
    char *text = texts + texts_used;
    append(first, count);
    append(second, length(second) + 1);
    return text;
}

static __attribute__((noreturn)) void fail(const char *reason) {
    call(__NR_write, 2, (long)reason, (long)length(reason), 0, 0);
    for (;;) call(__NR_exit_group, 1, 0, 0, 0, 0);
}

static const char *variable(char **environment, const char *name_and_equals) {
    for (; *environment != NULL; environment++) {
        const char *value = after(*environment, name_and_equals);
        if (value != NULL) return value;
    }
    return NULL;
}

static int is_given(char **environment, const char *name_and_equals) {
    const char *value = variable(environment, name_and_equals);
    return value != NULL && *value != '\0';
}

/* Next line of the channel; NULL when the platform has closed it. */
static const char *channel_line(void) {
    static char line[4096];
    size_t used = 0;
    for (;;) {
        /* One byte at a time: there are a hundred of them. */
        long count = call(__NR_read, CHANNEL, (long)(line + used), 1, 0, 0);
        if (count == -4) continue;
        if (count <= 0) return NULL;
        if (line[used] == '\n' || used == sizeof line - 2) {
            line[used] = '\0';
            return line;
        }
        used++;
    }
}

static void loopback(struct sockaddr_in *address, long port) {
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = (unsigned short)((port & 0xff) << 8 | port >> 8);
    address->sin_addr.s_addr = 0x0100007f; /* 127.0.0.1 */
}

/* As a Node.js child sends a server: one line of JSON with the descriptor attached, acknowledged before the next one. */
static void give_listener(const char *name, size_t name_length, long port) {
    long listener = call(__NR_socket, AF_INET, 1 /* SOCK_STREAM */ | 02000000 /* SOCK_CLOEXEC */, 0, 0, 0);
    int on = 1;
    struct sockaddr_in address;
    loopback(&address, port);
    call(__NR_setsockopt, listener, 1 /* SOL_SOCKET */, 2 /* SO_REUSEADDR */, (long)&on, sizeof on);
    if (listener < 0 || call(__NR_bind, listener, (long)&address, sizeof address, 0, 0) < 0 ||
        call(__NR_listen, listener, BACKLOG, 0, 0, 0) < 0)
        fail("A port of the sandbox could not be opened.\n");

    static const char head[] = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":{\"listener\":\"";
    static const char tail[] = "\"}}\n";
    struct iovec parts[] = {{(void *)head, sizeof head - 1}, {(void *)name, name_length}, {(void *)tail, sizeof tail - 1}};
    struct {
        size_t length;
        int level, type, descriptor, padding;
    } rights = {sizeof(size_t) + 3 * sizeof(int), 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */, (int)listener, 0};
    struct {
        void *name;
        int name_length;
        struct iovec *parts;
        size_t part_count;
        void *control;
        size_t control_length;
        unsigned int flags;
    } message = {NULL, 0, parts, 3, &rights, sizeof rights, 0};
    if (call(__NR_sendmsg, CHANNEL, (long)&message, 0x4000 /* MSG_NOSIGNAL */, 0, 0) < 0) fail("A listener could not be handed over.\n");
    /* Only the platform may accept its connections. */
    call(__NR_close, listener, 0, 0, 0, 0);
    for (const char *line = channel_line(); line == NULL || !contains(line, "\"NODE_HANDLE_ACK\""); line = channel_line())
        if (line == NULL) fail("The platform is gone.\n");
}

/* LAMBENT_LISTEN is "runtime-api=9001,aws-endpoint=4566". */
static void hand_over(const char *wanted) {
    call(__NR_fcntl, CHANNEL, F_SETFL, 0, 0, 0);
    while (*wanted != '\0') {
        const char *end = wanted;
        while (*end != '\0' && *end != '=') end++;
        give_listener(wanted, (size_t)(end - wanted), number(*end == '=' ? end + 1 : end));
        while (*end != '\0' && *end != ',') end++;
        wanted = *end == ',' ? end + 1 : end;
    }
    while (channel_line() != NULL) continue;
    call(__NR_close, CHANNEL, 0, 0, 0, 0);
}

/* Puts the pipe of log records where standard input is; 0 where there is none that can be opened again. */
static int take_telemetry(const char *descriptor) {
    if (descriptor == NULL) return 0;
    call(__NR_close, 0, 0, 0, 0, 0);
    static const char directory[] = "/proc/self/fd/";
    const char *path = joined(directory, sizeof directory - 1, descriptor);
    int is_open = call(__NR_openat, AT_FDCWD, (long)path, O_WRONLY, 0, 0) == 0;
    if (!is_open) call(__NR_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY, 0, 0);
    call(__NR_close, number(descriptor), 0, 0, 0, 0);
    return is_open;
}

/*
 * A connection to the Runtime API at `address`, as the descriptor CONNECTION, for a JVM that has not to make one then: what
 * Java's own needs first takes longer than all of the client. 0 where there is none; the JVM opens its own.
 */
static int connect_to(const char *address) {
    const char *port = address == NULL ? NULL : after(address, "127.0.0.1:");
    if (port == NULL) return 0;
    long connection = call(__NR_socket, AF_INET, 1 /* SOCK_STREAM */, 0, 0, 0);
    int on = 1;
    struct sockaddr_in to;
    loopback(&to, number(port));
    call(__NR_setsockopt, connection, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, (long)&on, sizeof on);
    if (connection < 0 || call(__NR_connect, connection, (long)&to, sizeof to, 0, 0) < 0) {
        call(__NR_close, connection, 0, 0, 0, 0);
        return 0;
    }
    if (connection == CONNECTION) return 1;
    int is_there = call(__NR_dup3, connection, CONNECTION, 0, 0, 0) == CONNECTION;
    call(__NR_close, connection, 0, 0, 0, 0);
    return is_there;
}

static const char *words[WORDS_MAX];
static size_t word_count;

static void add(const char *word) {
    if (word_count == WORDS_MAX - 1) fail("The command is too long.\n");
    words[word_count++] = word;
}

static void add_all(const char *const *options, size_t count, const char *directory, size_t directory_length) {
    for (size_t at = 0; at < count; at++) {
        /* The directory of the runtime stands for "@" in those that name a file of it. */
        size_t place = 0;
        while (options[at][place] != '\0' && options[at][place] != '@') place++;
        if (options[at][place] == '\0') {
            add(options[at]);
            continue;
        }
        char *text = texts + texts_used;
        append(options[at], place);
        joined(directory, directory_length, options[at] + place + 1);
        add(text);
    }
}

static const char *heap_option(long memory_mb) {
    long by_share = memory_mb * HEAP_PERCENT / 100, beside = memory_mb - BESIDE_HEAP_MB;
    long heap_mb = by_share < beside ? by_share : beside;
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    digits[--at] = 'm';
    do {
        digits[--at] = (char)('0' + heap_mb % 10);
        heap_mb /= 10;
    } while (heap_mb > 0);
    return joined("-Xmx", 4, digits + at);
}

/* The function's variables alone; the locale that AWS names is missing on many machines, where a JVM reads them as ASCII. */
static void keep_variables(char **environment) {
    char **kept = environment;
    for (char **each = environment; *each != NULL; each++)
        if (after(*each, "LAMBENT_") == NULL && after(*each, "NODE_CHANNEL_") == NULL &&
            after(*each, "_LAMBDA_TELEMETRY_LOG_FD=") == NULL)
            *kept++ = *each;
    *kept = NULL;
}

static char **with_locale(char **environment) {
    static char *all[WORDS_MAX];
    size_t count = 0;
    if (variable(environment, "LC_ALL=") != NULL) return environment;
    all[count++] = "LC_ALL=C.UTF-8";
    for (; *environment != NULL; environment++) {
        if (count == WORDS_MAX - 1) fail("There are too many variables.\n");
        all[count++] = *environment;
    }
    return all;
}

static int can_be_executed(const char *path) {
    return call(__NR_faccessat, AT_FDCWD, (long)path, 1 /* X_OK */, 0, 0) == 0;
}

static void become(const char *const *command, char **environment) {
    call(__NR_execve, (long)command[0], (long)command, (long)environment, 0, 0);
}

/* The options in a variable that a JVM reads name archives. */
static int says_of_archives(char **environment, const char *name_and_equals) {
    const char *options = variable(environment, name_and_equals);
    for (size_t at = 0; options != NULL && at < sizeof archive_words / sizeof *archive_words; at++)
        if (contains(options, archive_words[at])) return 1;
    return 0;
}

static void add_started_options(char **environment, long line) {
    if (line < FIRST_LINE_MAPPING_ARCHIVES) return;
    add_all(started_options, sizeof started_options / sizeof *started_options, "", 0);
    /* A JVM that does not find the archive which it is told of has none at all. */
    if (call(__NR_faccessat, AT_FDCWD, (long)CLASS_ARCHIVE, 4 /* R_OK */, 0, 0) == 0 &&
        !says_of_archives(environment, "JDK_JAVA_OPTIONS=") && !says_of_archives(environment, "_JAVA_OPTIONS="))
        add_all(archive_options, sizeof archive_options / sizeof *archive_options, "", 0);
}

__attribute__((used, noreturn)) void begin(long *stack) {
    long count = stack[0];
    const char *const *command = (const char *const *)(stack + 2);
    char **environment = (char **)(stack + 2 + count);
    if (count != 5) fail("launcher NODE SCRIPT JAVA LINE\n");
    const char *script = command[1], *java = command[2];
    long memory_mb = number(variable(environment, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="));
    int is_plain = memory_mb > BESIDE_HEAP_MB && !is_given(environment, "AWS_LAMBDA_EXEC_WRAPPER=") &&
                   !is_given(environment, "JAVA_TOOL_OPTIONS=") && can_be_executed(java);
    if (!is_plain) {
        become(command, environment);
        fail("The launcher of the Java runtimes cannot be started.\n");
    }
    int waits = is_given(environment, "LAMBENT_RESERVE=");
    const char *wanted = variable(environment, "LAMBENT_LISTEN=");
    if (wanted != NULL) hand_over(wanted);
    int has_telemetry = take_telemetry(variable(environment, "_LAMBDA_TELEMETRY_LOG_FD="));
    call(__NR_close_range, CHANNEL, ~0u, 0, 0, 0);
    int is_connected = !waits && connect_to(variable(environment, "AWS_LAMBDA_RUNTIME_API="));

    size_t directory_length = length(script);
    while (directory_length > 0 && script[directory_length - 1] != '/') directory_length--;
    add(java);
    add(heap_option(memory_mb));
    add_all(jvm_options, sizeof jvm_options / sizeof *jvm_options, script, directory_length);
    if (has_telemetry) add("-Dlambent.telemetry=stdin");
    if (!waits) add_started_options(environment, number(command[3]));
    if (is_connected) add_all(connected_options, sizeof connected_options / sizeof *connected_options, script, directory_length);
    add("-cp");
    add(joined(script, directory_length, "lambent-java-runtime.jar"));
    if (!waits) add("lambent.runtime.Main");
    else if (number(command[3]) >= FIRST_LINE_ASKING_FOR_NATIVE_ACCESS)
        add_all(waiting_options_asked, sizeof waiting_options_asked / sizeof *waiting_options_asked, script, directory_length);
    else add_all(waiting_options, sizeof waiting_options / sizeof *waiting_options, script, directory_length);
    keep_variables(environment);
    become(words, with_locale(environment));
    fail("The JVM could not be started.\n");
}
