/* What the files of the hand-over share:
 *   handover_repository.c  its life, and what it passes on or holds
 *   handover_steps.c       how everything is moved
 *   handover_changes.c     what has changed meanwhile */
#ifndef REPOSITORY_HANDOVER_PRIVATE_H
#define REPOSITORY_HANDOVER_PRIVATE_H

#include "proctrack/handover_repository.h"
#include "proctrack/repository_move.h"
#include "repository/handover_changes.h"

enum handover_step {
    STEP_PROBE,  /* asking whether the other one can be used */
    STEP_REST,   /* it can, and is not to be taken; or it has been, or this is closed */
    STEP_OPEN,   /* making it */
    STEP_PING,   /* until it answers */
    STEP_COPY,   /* moving what an earlier hand-over has left, then what has ended */
    STEP_BEGIN,  /* calls are held: noting that there is no way back */
    STEP_MOVE,   /* moving all else */
    STEP_REMOVE, /* of what was moved too early: it was removed meanwhile */
    STEP_END,    /* tidying up */
    STEP_SWITCH, /* to the other one */
};

struct handover_repository {
    struct process_repository base;
    struct loop *loop;
    struct handover_options options;
    struct process_repository *first, *next; /* NULL: not, or no longer, there */
    struct process_repository *behind;       /* that calls are passed on to */
    bool followed;

    bool holds, refuses;
    struct list_link held; /* process_op.link, its slot in process_op.place */
    struct loop_timer *patience;

    enum handover_step step;
    struct loop_timer *timer; /* to the step */
    struct loop_work work;
    bool works;     /* `work` is under way, */
    bool work_went; /*  and how it ended */
    int64_t pause_ms;
    int pings;
    bool collects;
    struct handover_changes changes;
    struct repo_move move;
    bool resumes;      /* the move ended with an error */
    enum err last_err; /* as last logged */
    size_t left;       /* of options.left: the one being moved */
    int64_t began;     /* steady ms */
    uint64_t moved;    /* items, so far */
    uint64_t damaged;  /* pages of which not all could be moved */
    struct repo_ping ping;
    struct repo_remove remove;
};

bool handover_steps_start(struct handover_repository *handover); /* false: no memory */
void handover_steps_stop(struct handover_repository *handover);  /* at close */
void handover_steps_finish(struct handover_repository *handover);

/* From now on calls go there, and what it tells is passed on. */
void handover_pass_to(struct handover_repository *handover, struct process_repository *behind);
/* From now on calls are held, or what is held is passed on. */
void handover_hold(struct handover_repository *handover);
void handover_release(struct handover_repository *handover);

#endif
