/*
 * Put in front of user-mode-linux 6.1 (LD_PRELOAD). On processors whose extended state is larger than its buffer (AMX) the host's kernel refuses
 * to take back a part of that state (EFAULT; Linux, xstateregs_set: "a whole standard-format XSAVE buffer is needed"), and the guest's first
 * process dies. Here the part is laid over the whole that is there.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char whole[65536] __attribute__((aligned(64)));

long ptrace(enum __ptrace_request request, ...) {
  va_list list;
  va_start(list, request);
  long pid = va_arg(list, int);
  void *address = va_arg(list, void *);
  void *data = va_arg(list, void *);
  va_end(list);
  if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
    long word;
    long failed = syscall(SYS_ptrace, request, pid, address, &word);
    return failed < 0 ? failed : word;
  }
  if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
    struct iovec *part = data;
    struct iovec all = { whole, sizeof whole };
    if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &all) < 0) return -1;
    memcpy(whole, part->iov_base, part->iov_len < all.iov_len ? part->iov_len : all.iov_len);
    return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, address, &all);
  }
  return syscall(SYS_ptrace, request, pid, address, data);
}
