/* Readability formulas over counts. */
#ifndef TEXT_STATS_READABILITY_H
#define TEXT_STATS_READABILITY_H

#include "text_stats/counts.h"

/* Below this many words a formula says more about chance than about the text. */
#define READABILITY_MIN_WORDS 20

struct readability {
    bool known;      /* false: too little text; nothing below is set */
    double lix, rix; /* any language */
    bool english;    /* whether the two below are set: their constants are for English */
    double flesch_reading_ease, flesch_kincaid_grade;
};

struct readability readability_of(const struct counts *counts, bool english);

/* Estimated from the spelling of an English word in lower case; at least 1. */
int syllables_of(const char *word);

#endif
