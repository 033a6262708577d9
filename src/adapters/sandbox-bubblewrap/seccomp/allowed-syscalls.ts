/**
 * System calls that language runtimes and programs need, and that reach nothing outside the sandbox's namespaces.
 * Everything else is refused: mounting, namespaces, tracing and other processes' memory, kernel modules and programs
 * (bpf, perf, io_uring, userfaultfd), keyrings, clocks, reboot, swap, file handles. `sync` and `syncfs` are missing
 * because they would flush the disks of the whole machine, and asynchronous I/O of the kernel's because its contexts are
 * counted over the whole machine, whose databases need them. Names that an architecture lacks are passed over.
 */
export const ALLOWED_SYSCALLS: readonly string[] = `
  read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice tee vmsplice
  copy_file_range readahead fadvise64 fallocate ftruncate truncate fsync fdatasync sync_file_range flock
  open openat openat2 creat close close_range dup dup2 dup3 fcntl pipe pipe2
  stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir
  getdents getdents64 mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
  mknod mknodat chmod fchmod fchmodat chown fchown lchown fchownat umask utime utimes utimensat futimesat
  getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr
  fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
  poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
  eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
  mmap munmap mremap mprotect madvise mincore msync brk mlock mlock2 munlock mlockall munlockall memfd_create
  remap_file_pages membarrier pkey_alloc pkey_free pkey_mprotect
  bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt socketpair
  sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
  fork vfork execve execveat exit exit_group wait4 waitid set_tid_address set_robust_list get_robust_list rseq
  futex futex_waitv restart_syscall arch_prctl prctl seccomp
  landlock_create_ruleset landlock_add_rule landlock_restrict_self
  getpid getppid gettid getpgid setpgid getpgrp getsid setsid getuid geteuid getgid getegid getresuid getresgid
  getgroups setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capget capset
  getrlimit setrlimit prlimit64 getrusage times getpriority setpriority ioprio_get ioprio_set sysinfo uname getcpu
  sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler
  sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_getattr sched_setattr
  kill tkill tgkill pidfd_open pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait
  rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend rt_sigreturn sigaltstack pause alarm getitimer setitimer
  time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep
  timer_create timer_settime timer_gettime timer_getoverrun timer_delete getrandom
  msgget msgsnd msgrcv msgctl semget semop semtimedop semctl shmget shmat shmdt shmctl
  mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
`
  .trim()
  .split(/\s+/);
