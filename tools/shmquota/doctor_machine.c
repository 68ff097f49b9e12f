/* SPDX-License-Identifier: MIT */
/*
 * What the library needs of the kernel, of /proc, of clocks and of other libraries.
 */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <link.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <shmquota.h>

/* MADV_WIPEONFORK, without which a forked child would take itself for its parent. */
#define KERNEL_MAJOR 4
#define KERNEL_MINOR 14

void examine_kernel(struct doctor *doctor)
{
	unsigned long major = 0, minor = 0;
	struct utsname name;
	char *dot;

	if (uname(&name) == 0) {
		major = strtoul(name.release, &dot, 10);
		minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;
	}
	if (major == 0) {
		finding(doctor, FINDING_NOTE, "kernel", NULL, "it does not say its version");
		return;
	}
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		finding(doctor, FINDING_PROBLEM, "kernel", "Run Linux 4.14 or later.",
		        "%s %s is too old: segments cannot be opened", name.sysname, name.release);
	else
		finding(doctor, FINDING_OK, "kernel", NULL, "%s %s, %s", name.sysname, name.release, name.machine);
}

void examine_membarrier(struct doctor *doctor)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands < 0)
		finding(doctor, FINDING_NOTE, "membarrier",
		        "Allow the system call in the container's seccomp profile where segments ask for it.",
		        "not available (%s); segments work without, some nanoseconds slower", strerror(errno));
	else if (!(commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED))
		finding(doctor, FINDING_NOTE, "membarrier", "Linux 4.16 or later has it.",
		        "no expedited commands; segments work without, some nanoseconds slower");
	else
		finding(doctor, FINDING_OK, "membarrier", NULL, "available");
}

/* The options of the mount at /proc, from mountinfo; "" where it is no mount. */
static void proc_options(char *out, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], place[1024];

	*out = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		const char *dash = strstr(line, " - proc ");

		if (dash && sscanf(line, "%*s %*s %*s %*s %1023s", place) == 1 && strcmp(place, "/proc") == 0)
			snprintf(out, size, "%s", dash);
	}
	if (file)
		fclose(file);
}

void examine_proc(struct doctor *doctor)
{
	char options[512], self[32] = "";
	ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);

	if (length <= 0) {
		finding(doctor, FINDING_PROBLEM, "/proc", "Mount it: mount -t proc proc /proc",
		        "it is not mounted; workers cannot attach, and dead ones cannot be told from live ones");
		return;
	}
	proc_options(options, sizeof(options));
	if (strtol(self, NULL, 10) != getpid())
		finding(doctor, FINDING_PROBLEM, "/proc",
		        "Mount a /proc of the container's own: unshare --mount-proc, or the runtime's default.",
		        "it shows another pid namespace than this process is in");
	else if (strstr(options, "hidepid=2") || strstr(options, "hidepid=invisible") || strstr(options, "hidepid=1") ||
	         strstr(options, "hidepid=noaccess"))
		finding(doctor, FINDING_WARNING, "/proc",
		        "Run the workers of a segment as one user, or mount it with gid= of a group that they share.",
		        "it hides processes of other users (hidepid): whether their workers are alive is not seen");
	else
		finding(doctor, FINDING_OK, "/proc", NULL, "mounted, of this pid namespace, processes are visible");
}

void examine_clock(struct doctor *doctor)
{
	static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	FILE *file = fopen(path, "re");
	char name[64] = "";

	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	if (strcmp(name, "hpet") == 0 || strcmp(name, "acpi_pm") == 0 || strcmp(name, "jiffies") == 0)
		finding(doctor, FINDING_NOTE, "clock",
		        "Where the machine has a sound one: clocksource=tsc for the kernel.",
		        "%s: reading the time is a system call, so operations on rates take a microsecond", name);
	else
		finding(doctor, FINDING_OK, "clock", NULL, "%s", *name ? name : "/sys does not say which one it is");
}

/* ---- Libraries --------------------------------------------------------------------------------------------------- */

struct wanted_library {
	const char *part; /* of the file's name */
	char path[1024];
};

static int see_library(struct dl_phdr_info *info, size_t size, void *context)
{
	struct wanted_library *wanted = context;
	char *real;

	(void)size;
	if (!info->dlpi_name || !strstr(info->dlpi_name, wanted->part))
		return 0;
	real = realpath(info->dlpi_name, NULL);
	snprintf(wanted->path, sizeof(wanted->path), "%s", real ? real : info->dlpi_name);
	free(real);
	return 1;
}

static void examine_library(struct doctor *doctor, const char *name, const char *part, const char *version)
{
	struct wanted_library wanted = {.part = part};

	dl_iterate_phdr(see_library, &wanted);
	if (*wanted.path)
		finding(doctor, FINDING_OK, name, NULL, "built with %s, running %s", version, wanted.path);
	else
		finding(doctor, FINDING_OK, name, NULL, "built with %s, part of the program", version);
}

void examine_libraries(struct doctor *doctor)
{
	char built[32];

	snprintf(built, sizeof(built), "%d.%d.%d", SHMQ_VERSION_MAJOR, SHMQ_VERSION_MINOR, SHMQ_VERSION_PATCH);
	if (strcmp(built, shmq_version()) != 0)
		finding(doctor, FINDING_WARNING, "libshmquota", "Install the tools and the library of one release.",
		        "the tools are of %s, the library that they found is %s", built, shmq_version());
	else
		examine_library(doctor, "libshmquota", "libshmquota.so", built);
	examine_library(doctor, "liburcu", "liburcu-cds", URCU_VERSION_BUILT);
	examine_library(doctor, "inih", "libinih", INIH_VERSION_BUILT);
}
