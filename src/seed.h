/* seed: random roots from which the UIDs of a job's results are derived. */
#ifndef SRC_SEED_H
#define SRC_SEED_H

enum { SEED_TEXT = 33 }; // 32 hexadecimal characters and NUL

/** Draw 128 random bits. */
void seed_draw(char ret[SEED_TEXT]);

#endif
