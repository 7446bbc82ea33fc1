#include "sim_clients.h"

#include "repository/memory_calls.h"

#include <stdlib.h>

struct sim_clients *sim_clients_create(void)
{
    struct sim_clients *clients = calloc(1, sizeof(*clients));
    if (clients == NULL)
        sim_fail("no memory");
    list_init(&clients->calls);
    return clients;
}

void sim_clients_destroy(struct sim_clients *clients)
{
    free(clients);
}

bool sim_calls_are_done(void)
{
    return sim.clients->open == 0;
}

/* --- what they know --------------------------------------------------------------------------- */

static struct known *know(const struct process_id *id)
{
    struct sim_clients *clients = sim.clients;
    for (size_t i = 0; i < clients->known_count; i++) {
        if (process_id_compare(&clients->known[i].id, id) == 0)
            return &clients->known[i];
    }
    if (clients->known_count == IDS_MAX)
        return NULL;
    struct known *known = &clients->known[clients->known_count++];
    *known = (struct known){.id = *id};
    return known;
}

static void told(const struct process_id *id, int64_t version)
{
    struct known *known = know(id);
    if (known == NULL)
        return;
    known->stored = true;
    if (version > known->version)
        known->version = version;
}

struct process_id sim_some_id(void)
{
    const struct sim_clients *clients = sim.clients;
    struct process_id id;
    const size_t count = clients->known_count;
    if (count == 0 || sim_chance(2)) {
        process_id_new(&id);
        return id;
    }
    const size_t recent = count < 20 || sim_chance(20) ? count : 20;
    return clients->known[count - 1 - sim_below(recent)].id;
}

static void take_leases(const struct repo_claim *claim)
{
    struct sim_clients *clients = sim.clients;
    for (size_t i = 0; i < claim->count; i++) {
        const struct process *process = &claim->processes[i];
        size_t at =
            clients->lease_count < LEASES_MAX ? clients->lease_count++ : sim_below(LEASES_MAX);
        clients->leases[at] = (struct lease){.id = process->id, .attempt = process->attempt};
        if (!text_copy(clients->leases[at].token, LEASE_TOKEN_TEXT_SIZE, process->lease_token))
            sim_fail("a token is too long");
        told(&process->id, process->version);
    }
}

static bool is_known_to_store(const struct known *known, enum err *ret_err)
{
    struct memory_record *record;
    uint64_t place;
    *ret_err = memory_find(&memory_repository(sim.memory)->store, &known->id, &record, &place);
    return record == NULL || record->process.version >= known->version;
}

/* Tombstones go after their time: then nothing tells whether it was ever there. */
void sim_clients_check(const char *when)
{
    for (size_t i = 0; i < sim.clients->known_count; i++) {
        const struct known *known = &sim.clients->known[i];
        enum err err;
        if (known->stored && !is_known_to_store(known, &err))
            sim_fail("%s: client was told of version %lld", when, (long long)known->version);
    }
}

void sim_clients_forget(void)
{
    for (size_t i = 0; i < sim.clients->known_count; i++)
        sim.clients->known[i] = (struct known){.id = sim.clients->known[i].id};
}

/* --- answers ---------------------------------------------------------------------------------- */

static void end_submit(const struct client_call *call)
{
    const struct process *process =
        call->submit.create.replayed ? &call->submit.create.existing : &call->submit.create.process;
    if (call->submit.op.result == ERR_OK)
        told(&process->id, process->version);
}

static void end_batch(const struct client_call *call)
{
    for (size_t i = 0; call->batch.op.result == ERR_OK && i < call->batch.count; i++) {
        if (call->items[i].result == ERR_OK)
            told(&call->items[i].draft.id, 1);
    }
}

void sim_end_call(struct client_call *call, enum err result)
{
    if (call->kind == CALL_SUBMIT)
        end_submit(call);
    else if (call->kind == CALL_BATCH)
        end_batch(call);
    else if (call->kind == CALL_CLAIM && result == ERR_OK)
        take_leases(&call->claim.claim);
    else if (call->kind == CALL_CHANGE && result == ERR_OK)
        told(&call->change.process.id, call->change.process.version);
    else if (call->kind == CALL_GET && result == ERR_OK)
        told(&call->get.process.id, call->get.process.version);
    else if (call->kind == CALL_SNAPSHOT && result == ERR_OK)
        sim.numbers.snapshots++;
    for (int i = 0; call->kind == CALL_AUDIT && result == ERR_OK && i < REPO_AUDIT_FINDINGS; i++) {
        if (call->audit.found[i] != 0)
            sim_fail("an audit has found %d", i);
    }
    sim_note(call->kind);
    sim_note(result);
    sim.clients->open--;
    list_remove(&call->link);
    free(call);
}
