/* SPDX-License-Identifier: MIT */
/*
 * The parts of bench_recovery: every round does each of them once, and each writes its lines of the round.
 *
 * All functions return 0, or -1 with a message on stderr.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include "stopwatch.h"

enum recovery_line {
	LINE_RECOVER_1,
	LINE_RECOVER_100,
	LINE_RECOVER_1000,
	LINE_RECOVER_4000,
	LINE_HOUSEKEEP_256,
	LINE_HOUSEKEEP_256_LIVE,
	LINE_HOUSEKEEP_8191,
	LINE_GRACE_FROM_DEATH,
	LINE_GRACE_FROM_KILL,
	LINE_REGISTER_1000,
	LINE_REGISTER_10000,
	LINE_UNREGISTER_1000,
	LINE_UNREGISTER_10000,
	LINE_PUBLISH_FIRST_1000,
	LINE_PUBLISH_FIRST_10000,
	LINE_PUBLISH_1000,
	LINE_PUBLISH_10000,
	LINE_CONTROLLER_1000,
	LINE_CONTROLLER_10000,
	RECOVERY_LINES
};

/* Dead workers and what they held. */
int workers_setup(void);
int workers_round(double ns[RECOVERY_LINES]);

/* Controllers at work, and dead ones. */
int controllers_setup(void);
int controllers_round(double ns[RECOVERY_LINES]);

#endif
