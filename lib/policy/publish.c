/* SPDX-License-Identifier: MIT */
/*
 * Hands a policy to the publication in core/, which makes it all or nothing.
 */
#include "policy/publish.h"

#include "core/publication.h"

#include <string.h>

int publish_policy(struct shmq_segment *segment, const struct shmq_policy *policy)
{
	struct publication publication;
	int result = publication_begin(&publication, segment);

	if (result < 0)
		return result;
	result = publication_set_default(&publication, &(struct publication_rule){.quota = policy->fallback});
	for (size_t i = 0; i < policy->count && result == 0; i++) {
		const struct policy_component *component = &policy->components[i];

		result = publication_declare(&publication, component->name, strlen(component->name),
		                             &(struct publication_rule){.quota = component->quota});
	}
	if (result == 0)
		return publication_commit(&publication);
	publication_abort(&publication);
	return result;
}
