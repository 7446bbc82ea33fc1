/* What a dump gives out lasts only until its done() returns, and a restore may take longer: so each
 * page is copied in between. Of a page that leaves nothing to restore there is no answer to wait
 * for; a ping makes the pause in which others are served.
 *
 * A repository may finish a call before its submit returns. So what follows a call is never
 * submitted from its done(), but by the one loop that submits all of them. */
#include "proctrack/repository_move.h"

#include <string.h>

static void go_on(struct repo_move *move);

static void stepped(struct repo_move *move, enum err err, enum repo_move_step next)
{
    move->err = err;
    if (err == ERR_OK)
        move->step = next;
    move->stepped = true;
    if (!move->stepping)
        go_on(move);
}

/* --- dump ------------------------------------------------------------------------------------ */

static bool take(struct repo_move *move)
{
    for (size_t i = 0; i < move->dump.count; i++) {
        const struct repo_item *item = &move->dump.items[i];
        if ((move->wants == NULL || move->wants(move, item)) && !item_page_add(&move->page, item))
            return false;
    }
    return true;
}

static void on_dumped(struct process_op *op)
{
    struct repo_move *move = container_of(op, struct repo_move, dump.op);
    enum err err = op->result;
    if (err == ERR_OK && !take(move)) {
        item_page_clear(&move->page);
        move->dump.position = move->from_here;
        err = ERR_NO_MEMORY;
    }
    if (err == ERR_OK) {
        move->examined += move->dump.count;
        move->damaged += move->dump.damaged;
    }
    stepped(move, err, move->page.count > 0 ? MOVE_RESTORE : MOVE_PAUSE);
}

static void dump(struct repo_move *move)
{
    process_op_init(&move->dump.op, on_dumped);
    move->from_here = move->dump.position;
    move->dump.now = move->now;
    repository_dump(move->from, &move->dump);
}

/* --- restore --------------------------------------------------------------------------------- */

static enum repo_move_step after_page(const struct repo_move *move)
{
    return move->dump.more ? MOVE_DUMP : MOVE_END;
}

static void on_restored(struct process_op *op)
{
    struct repo_move *move = container_of(op, struct repo_move, restore.op);
    const bool in_the_way = op->result == ERR_CORRUPT;
    const enum err err = in_the_way ? ERR_OK : op->result;
    if (err == ERR_OK) {
        move->moved += move->restore.count;
        move->stored += move->restore.stored;
        move->damaged += in_the_way;
        item_page_clear(&move->page);
    }
    stepped(move, err, after_page(move));
}

static void restore(struct repo_move *move)
{
    process_op_init(&move->restore.op, on_restored);
    move->restore.items = move->page.items;
    move->restore.count = move->page.count;
    move->restore.now = move->now;
    repository_restore(move->to, &move->restore);
}

static void on_paused(struct process_op *op)
{
    struct repo_move *move = container_of(op, struct repo_move, ping.op);
    stepped(move, op->result, after_page(move));
}

static void pause(struct repo_move *move)
{
    process_op_init(&move->ping.op, on_paused);
    repository_ping(move->to, &move->ping);
}

/* --------------------------------------------------------------------------------------------- */

static void submit(struct repo_move *move)
{
    switch (move->step) {
    case MOVE_DUMP:
        dump(move);
        break;
    case MOVE_RESTORE:
        restore(move);
        break;
    case MOVE_PAUSE:
        pause(move);
        break;
    case MOVE_END:
        break;
    }
}

static void go_on(struct repo_move *move)
{
    move->stepping = true;
    while (move->stepped && move->err == ERR_OK && move->step != MOVE_END) {
        move->stepped = false;
        submit(move);
    }
    move->stepping = false;
    if (move->stepped)
        move->done(move, move->err);
}

void repo_move_start(struct repo_move *move)
{
    memset(&move->dump, 0, sizeof(move->dump));
    move->examined = move->moved = move->stored = move->damaged = 0;
    move->step = MOVE_DUMP;
    repo_move_resume(move);
}

void repo_move_resume(struct repo_move *move)
{
    move->err = ERR_OK;
    move->stepped = true;
    go_on(move);
}

void repo_move_finish(struct repo_move *move)
{
    item_page_finish(&move->page);
}
