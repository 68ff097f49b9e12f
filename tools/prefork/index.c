/* SPDX-License-Identifier: MIT */
/*
 * What there is, for whoever opens the URL that the host printed.
 */
#include "answer.h"
#include "operations.h"

#define COMPONENTS_SHOWN 50u

static const char introduction[] = "shmquota pre-fork host: several processes, one count per component.\n\n"
				   "  PUT, GET, DELETE  /COMPONENT/files/NAME           storage; GET: network\n"
				   "  POST              /COMPONENT/messages             messages\n"
				   "  GET               /COMPONENT/download?bytes=64KB  network\n"
				   "  POST              /COMPONENT/compute?ms=5         cpu\n"
				   "  POST, DELETE      /COMPONENT/memory?bytes=1MB     memory\n"
				   "  GET               /COMPONENT/status               its figures, as JSON\n\n"
				   "Components:\n";

static void list_components(FILE *out, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint32_t shown = 0;

	if (shmq_segment_info(segment, &info) < 0)
		return;
	for (uint32_t id = 0; id < info.components && shown < info.components_used; id++) {
		struct shmq_component *component;

		if (shown == COMPONENTS_SHOWN) {
			fprintf(out, "  ... and %u more\n", info.components_used - shown);
			return;
		}
		if (shmq_component_at(&component, segment, id) < 0)
			continue;
		fprintf(out, "  %s\n", shmq_component_name(component));
		shmq_component_put(component);
		shown++;
	}
}

static void write_index(FILE *out, const void *segment)
{
	fputs(introduction, out);
	list_components(out, *(struct shmq_segment *const *)segment);
}

void index_get(struct request *request)
{
	answer_document(request, "text/plain; charset=utf-8", write_index, &request->worker->host->segment);
}
