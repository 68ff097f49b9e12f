/* SPDX-License-Identifier: MIT */
/*
 * Identity by /proc/TID/task/TID/stat (proc(5)): field 3 is the state, field 20 the number of threads, field 22 the start
 * time in ticks since boot. All come from one read, so they belong to one thread. The parsing starts behind the last ')'
 * because a program may call itself anything.
 *
 * The same fields stand in /proc/TID/stat, but there the kernel adds up the times of all threads of the process for each
 * one that is asked about: to ask about all of a process with 2,000 threads costs forty times as much.
 */
#include "base/process.h"

#include "base/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define START_MASK ((UINT64_C(1) << PROCESS_START_BITS) - 1)

static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int error;

	if (fd < 0)
		return -errno;
	do
		length = read(fd, text, size - 1);
	while (length < 0 && errno == EINTR);
	error = errno;
	close(fd);
	if (length < 0)
		return -error;
	text[length] = '\0';
	return 0;
}

struct task_stat {
	char state;
	uint64_t threads; /* of its process, not yet reaped */
	uint64_t start;
};

static int read_stat(const char *path, struct task_stat *out)
{
	char text[1024];
	int result = read_file(path, text, sizeof(text));
	const char *p;

	if (result != 0)
		return result;
	p = strrchr(text, ')');
	if (p == NULL || p[1] != ' ' || p[2] == '\0')
		return -EBADMSG;
	p += 2;
	out->state = *p;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (p == NULL)
			return -EBADMSG;
		p++;
		if (field + 1 == 20)
			out->threads = strtoull(p, NULL, 10);
	}
	out->start = strtoull(p, NULL, 10) & START_MASK;
	return 0;
}

/* Who asks whether a thread lives and who it is must be told the same. */
static int read_task(pid_t tid, struct task_stat *out)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)tid, (int)tid);
	return read_stat(path, out);
}

uint64_t process_token(void)
{
	struct task_stat stat = {0};

	if (read_stat("/proc/thread-self/stat", &stat) < 0)
		return 0;
	return (uint64_t)gettid() << PROCESS_START_BITS | stat.start;
}

uint64_t process_leader_token(void)
{
	struct task_stat stat = {0};

	if (read_task(getpid(), &stat) < 0)
		return 0;
	return (uint64_t)getpid() << PROCESS_START_BITS | stat.start;
}

/* A zombie counts as dead unless it is a leader of which we want to know whether other threads go on. */
static bool is_dead(uint64_t token, bool with_its_threads)
{
	struct task_stat stat = {0};
	pid_t tid = (pid_t)process_tid(token);

	if (tid == 0)
		return true; /* a damaged word: no thread has this id, and kill() would mean a process group */
	if (kill(tid, 0) < 0 && errno == ESRCH)
		return true;
	if (read_task(tid, &stat) != 0)
		return false;
	if (stat.state == 'Z' && with_its_threads && stat.threads > 1)
		return false;
	return stat.start != (token & START_MASK) || stat.state == 'Z' || stat.state == 'X';
}

bool process_is_dead(uint64_t token)
{
	return is_dead(token, false);
}

bool process_is_gone(uint64_t token)
{
	return is_dead(token, true);
}

static int read_boot_id(unsigned char out[16])
{
	char text[64] = "";
	int result = read_file("/proc/sys/kernel/random/boot_id", text, sizeof(text));
	size_t digits = 0;

	if (result < 0)
		return result == -ENOENT ? -ENOSYS : result;
	memset(out, 0, 16);
	for (const char *p = text; *p != '\0' && digits < 32; p++) {
		int value = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;

		if (value >= 0) {
			out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | value);
			digits++;
		}
	}
	return digits == 32 ? 0 : -EBADMSG;
}

/* A process lives in one boot, and so do its children; namespaces may change under it. */
static pthread_once_t boot_once = PTHREAD_ONCE_INIT;
static struct {
	unsigned char id[16];
	int result;
} boot;

static void boot_init(void)
{
	boot.result = read_boot_id(boot.id);
}

/*
 * Tell whether /proc is of the pid namespace that this thread is in. NSpid lists the thread's ids from the namespace of
 * that /proc down to its own: one id, if they are the same. A kernel without namespaces lists nothing. Returns 0, or
 * -errno where it cannot be read; a thread that is not there at all is in a namespace beside it.
 */
static int look_for_myself(bool *is_seen)
{
	char text[4096];
	const char *ids;
	int result = read_file("/proc/thread-self/status", text, sizeof(text));

	*is_seen = false;
	if (result < 0)
		return result == -ENOENT ? 0 : result;
	ids = strstr(text, "\nNSpid:\t");
	if (ids != NULL)
		ids += strlen("\nNSpid:\t");
	*is_seen = ids == NULL || ids[strspn(ids, "0123456789")] == '\n';
	return 0;
}

int process_world(struct process_world *out)
{
	struct stat pid, time;
	int result;

	pthread_once(&boot_once, boot_init);
	memcpy(out->boot_id, boot.id, sizeof(out->boot_id));
	result = boot.result < 0 ? read_boot_id(out->boot_id) : 0; /* /proc may have come since */
	if (result < 0)
		return result;
	if (stat("/proc/thread-self/ns/pid", &pid) < 0)
		return -errno;
	out->pid_namespace = pid.st_ino;
	/* Not /proc/self: a process may outlive its first thread. A kernel without time namespaces has one time for all. */
	out->time_namespace = stat("/proc/thread-self/ns/time", &time) == 0 ? time.st_ino : 0;
	return look_for_myself(&out->is_seen);
}

void *process_private_map(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	if (madvise(map, size, MADV_WIPEONFORK) < 0) {
		munmap(map, size);
		return NULL;
	}
	return map;
}

/* Zero after fork, and zeroes are PTHREAD_MUTEX_INITIALIZER on Linux (glibc and musl): a wiped lock is a fresh one. */
struct process_lock {
	pthread_mutex_t mutex;
	int cancel_state; /* of the holder: a thread cancelled in open() would keep the lock for ever */
};

static struct process_lock *lock;
static pthread_once_t lock_once = PTHREAD_ONCE_INIT;

static void lock_init(void)
{
	lock = process_private_map(sizeof(struct process_lock));
}

int process_lock(void)
{
	int cancel_state;

	pthread_once(&lock_once, lock_init);
	if (lock == NULL)
		return -ENOMEM;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	pthread_mutex_lock(&lock->mutex);
	lock->cancel_state = cancel_state;
	return 0;
}

void process_unlock(void)
{
	int cancel_state = lock->cancel_state;

	pthread_mutex_unlock(&lock->mutex);
	pthread_setcancelstate(cancel_state, NULL);
}

bool process_accept_fences(void)
{
#if defined(SHM_UNDER_TSAN) /* which knows no fence that comes from outside */
	return false;
#else
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
#endif
}

bool process_fence_others(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}
