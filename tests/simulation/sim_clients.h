/* Clients, what they call, and what they were told. */
#ifndef SIMULATION_SIM_CLIENTS_H
#define SIMULATION_SIM_CLIENTS_H

#include "sim.h"

enum { CALLS_MAX = 256, IDS_MAX = 4096, LEASES_MAX = 32, BATCH_MAX = 12, KEYS = 20, TYPES = 3 };

struct lease {
    struct process_id id;
    char token[LEASE_TOKEN_TEXT_SIZE];
    int attempt;
};

/* The newest version of a process that somebody was told of. */
struct known {
    struct process_id id;
    int64_t version;
    bool stored; /* a creation was answered, or it was read */
};

struct client_call {
    struct list_link link;
    enum {
        CALL_SUBMIT,
        CALL_BATCH,
        CALL_CLAIM,
        CALL_CHANGE,
        CALL_REMOVE,
        CALL_PAUSE,
        CALL_GET,
        CALL_EVENTS,
        CALL_CLEANUP,
        CALL_BULK,
        CALL_LIST,
        CALL_SNAPSHOT,
        CALL_RESTORE,
        CALL_AUDIT
    } kind;
    char key[16], progress[64], token[LEASE_TOKEN_TEXT_SIZE], worker[16];
    union {
        struct process_submit submit;
        struct process_submit_batch batch;
        struct process_claim claim;
        struct repo_transition change;
        struct repo_remove remove;
        struct repo_pause pause;
        struct repo_get get;
        struct repo_events events;
        struct process_cleanup cleanup;
        struct process_bulk bulk;
        struct repo_list list;
        struct repo_snapshot snapshot;
        struct repo_restore restore;
        struct repo_audit audit;
    };
    struct span types[TYPES];
    struct process_batch_item items[BATCH_MAX];
    struct repo_item restored;
};

struct sim_clients {
    struct list_link calls;
    size_t open;
    struct known known[IDS_MAX];
    size_t known_count;
    struct lease leases[LEASES_MAX];
    size_t lease_count;
    uint64_t keys; /* so far */
};

/* Of a process that was created lately, more often than not. */
struct process_id sim_some_id(void);
/* Notes what the call was told, and frees it. */
void sim_end_call(struct client_call *call, enum err result);

#endif
