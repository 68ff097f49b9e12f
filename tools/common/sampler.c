/* SPDX-License-Identifier: MIT */
/*
 * Looking again and again.
 *
 * Traces lie in one array by component and resource. It is as large as the segment's capacity, but memory that was never
 * written costs nothing, so only registered components take room.
 */
#include "sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SHARE_UNIT 200
#define RECENT_NS UINT64_C(3000000000)

/* ---- The segment ------------------------------------------------------------------------------------------------- */

static void forget_segment(struct sampler *sampler)
{
	if (sampler->trace)
		munmap(sampler->trace, (size_t)sampler->traced * SHMQ_RESOURCES * sizeof(*sampler->trace));
	shmq_segment_close(sampler->segment);
	sampler->segment = NULL;
	sampler->trace = NULL;
	sampler->look = 0;
}

/* Which file the name is of at the moment; zeroes where there is none. */
static void find_file(const struct sampler *sampler, uint64_t *device, uint64_t *inode)
{
	char path[SEGMENT_PATH_MAX + 32];
	struct stat status = {0};

	if (stat(segment_policy_path(path, sizeof(path), sampler->name), &status) != 0)
		status = (struct stat){0};
	*device = status.st_dev;
	*inode = status.st_ino;
}

static bool open_segment(struct sampler *sampler, uint64_t device, uint64_t inode)
{
	size_t size;
	void *trace;

	sampler->result = segment_look(&sampler->segment, sampler->name);
	if (sampler->result < 0) {
		sampler->segment = NULL;
		return true;
	}
	sampler->device = device;
	sampler->inode = inode;
	sampler->overview = overview_read(sampler->segment, sampler->name);
	sampler->traced = sampler->overview.info.components;
	size = (size_t)sampler->traced * SHMQ_RESOURCES * sizeof(*sampler->trace);
	trace = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (trace == MAP_FAILED)
		return false;
	sampler->trace = trace;
	return true;
}

/* Have the segment open that the name means now. */
static bool follow_name(struct sampler *sampler)
{
	uint64_t device, inode;

	find_file(sampler, &device, &inode);
	if (sampler->segment && device == sampler->device && inode == sampler->inode)
		return true;
	forget_segment(sampler);
	return open_segment(sampler, device, inode);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 1099511628211U;
	return hash ? hash : 1;
}

static double per_second(uint64_t amount, uint64_t elapsed_ns)
{
	return elapsed_ns ? (double)amount * 1e9 / (double)elapsed_ns : 0;
}

/* How much of its limit a row used since the look before. */
static double share_of(const struct sampler *sampler, const struct sample *sample)
{
	const struct row *row = &sample->row;
	uint64_t elapsed_ns = sampler->now_ns - sampler->before_ns;
	double allowed;

	if (row->status.limit == SHMQ_UNLIMITED)
		return 0;
	if (row->status.limit == 0 || row->period_ns == 0 || row->period_ns > elapsed_ns || sample->is_new)
		return row->status.percentage / 100;
	allowed = (double)row->status.limit * 1e9 / (double)row->period_ns;
	return sample->taken_per_s / allowed;
}

/* How many looks are recent: two at least, or a row would fall back whenever its window begins anew. */
static size_t recent_looks(const struct sampler *sampler)
{
	uint64_t elapsed_ns = sampler->now_ns - sampler->before_ns;
	uint64_t looks = elapsed_ns ? RECENT_NS / elapsed_ns : 0;

	return looks < 2 ? 2 : looks < TRACE_SHARES ? (size_t)looks : TRACE_SHARES;
}

static double recent_percentage(const struct sampler *sampler, const struct sample *sample)
{
	const struct trace *trace = sample->trace;
	size_t looks = recent_looks(sampler);
	uint8_t highest = 0;

	for (size_t i = 0; i < looks && i < trace->shares; i++) {
		uint8_t share = trace->share[(sampler->look - i) % TRACE_SHARES];

		highest = share > highest ? share : highest;
	}
	return fmax(sample->row.status.percentage, highest * 100.0 / SHARE_UNIT);
}

static void remember(struct sampler *sampler, struct sample *sample)
{
	struct trace *trace = sample->trace;
	double share = share_of(sampler, sample);

	trace->total = sample->row.status.total;
	trace->denied = sample->row.status.denied;
	trace->look = sampler->look;
	trace->share[sampler->look % TRACE_SHARES] = (uint8_t)(share < 1 ? share * SHARE_UNIT : SHARE_UNIT);
	if (trace->shares < TRACE_SHARES)
		trace->shares++;
	sample->recent = recent_percentage(sampler, sample);
}

static void compare(struct sampler *sampler, struct sample *sample)
{
	uint64_t hash = hash_name(sample->row.component);
	uint64_t elapsed_ns = sampler->now_ns - sampler->before_ns;
	const struct shmq_resource_status *status = &sample->row.status;
	struct trace *trace = sample->trace;

	sample->is_new = trace->name_hash != hash || status->total < trace->total || trace->look + 1 != sampler->look;
	if (sample->is_new) {
		*trace = (struct trace){.name_hash = hash, .told_denied = status->denied};
	} else {
		/* A reset starts refusals again. */
		sample->denied = status->denied >= trace->denied ? status->denied - trace->denied : status->denied;
		trace->told_denied = status->denied >= trace->told_denied ? trace->told_denied : 0;
		sample->denied_per_s = per_second(sample->denied, elapsed_ns);
		sample->taken_per_s = per_second(status->total - trace->total, elapsed_ns);
	}
	remember(sampler, sample);
}

static bool make_samples(struct sampler *sampler)
{
	const struct row_set *set = &sampler->set;

	if (set->count > sampler->room) {
		void *grown = reallocarray(sampler->sample, set->count, sizeof(*sampler->sample));

		if (!grown)
			return false;
		sampler->sample = grown;
		sampler->room = set->count;
	}
	for (size_t i = 0; i < set->count; i++) {
		const struct row *row = &set->row[i];
		size_t place = (size_t)row->id * SHMQ_RESOURCES + (size_t)row->resource;

		sampler->sample[i] = (struct sample){.row = *row, .trace = &sampler->trace[place]};
		compare(sampler, &sampler->sample[i]);
	}
	sampler->count = set->count;
	return true;
}

static bool read_rows(struct sampler *sampler)
{
	struct shmq_component *component;
	struct row rows[SHMQ_RESOURCES];
	uint32_t cursor = 0;
	bool fits = true;

	while (fits && (component = component_next(sampler->segment, sampler->traced, &cursor))) {
		if (rows_read(rows, component)) {
			for (int r = 0; fits && r < SHMQ_RESOURCES; r++)
				fits = row_set_add(&sampler->set, &rows[r]);
		}
		shmq_component_put(component);
	}
	return fits && make_samples(sampler);
}

/* ---- The sampler ------------------------------------------------------------------------------------------------- */

void sampler_begin(struct sampler *sampler, const char *name)
{
	*sampler = (struct sampler){.count = 0};
	snprintf(sampler->name, sizeof(sampler->name), "%s", name);
}

bool sampler_look(struct sampler *sampler)
{
	row_set_free(&sampler->set);
	sampler->count = 0;
	if (!follow_name(sampler))
		return false;
	sampler->before_ns = sampler->look ? sampler->now_ns : 0;
	sampler->now_ns = monotonic_ns();
	if (!sampler->segment)
		return true;
	sampler->before = sampler->overview;
	sampler->overview = overview_read(sampler->segment, sampler->name);
	sampler->look++;
	return read_rows(sampler);
}

void sampler_end(struct sampler *sampler)
{
	row_set_free(&sampler->set);
	forget_segment(sampler);
	free(sampler->sample);
	sampler->sample = NULL;
}

size_t trace_shares(const struct sampler *sampler, const struct trace *trace, float out[], size_t most)
{
	size_t count = trace->shares < most ? trace->shares : most;

	for (size_t i = 0; i < count; i++)
		out[i] = (float)trace->share[(sampler->look - (count - 1 - i)) % TRACE_SHARES] / SHARE_UNIT;
	return count;
}
