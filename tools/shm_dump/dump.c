/* SPDX-License-Identifier: MIT */
/*
 * Which view is written by whom.
 */
#include "dump.h"

static void show_text(const struct dump *dump)
{
	switch (dump->view) {
	case VIEW_RAW:
		dump_raw(dump);
		break;
	case VIEW_WORKERS:
		dump_workers(dump);
		break;
	case VIEW_POLICY:
		dump_policy(dump);
		break;
	case VIEW_EVENTS:
		dump_events(dump);
		break;
	default:
		if (dump->has_header)
			dump_summary(dump);
		dump_table(dump);
	}
}

void dump_show(struct dump *dump)
{
	if (dump->format == FORMAT_JSON)
		dump_json(dump);
	else if (dump->format == FORMAT_NDJSON)
		dump_ndjson(dump);
	else
		show_text(dump);
}
