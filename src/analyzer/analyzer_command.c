/* The ends of the pipes that the command gets are real pipes, not the socket pairs that libuv would
 * make: scripts open /dev/stdin, /dev/stderr and /dev/fd/3, and that fails on sockets.
 *
 * A command has ended when proctrack-run has ended and every pipe has reached its end. As
 * proctrack-run lets nothing of the command outlive it, the pipes end with it; for whoever got
 * hold of one nevertheless (passed over a socket, say) they are closed LINGER_MS later. */
#include "analyzer/analyzer_command.h"

#include "analyzer/analyzer_report.h"
#include "analyzer/analyzer_words.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS  1000
#define REPORT_MAX 256

/* --- the end ------------------------------------------------------------------------------------
 */

/* What is left to find out: a start that failed is known already, else the report says it. */
static void conclude(struct analyzer_command *command)
{
    if (progress_lines_end(&command->progress))
        command->progressed(command);
    if (command->ending == COMMAND_NOT_STARTED)
        return;
    int start_errno;
    if (!report_parse(text_buffer_span(&command->report), &command->usage, &start_errno)) {
        command->ending = COMMAND_LOST;
    } else if (start_errno != 0) {
        command->ending = COMMAND_NOT_STARTED;
        command->start_errno = start_errno;
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct analyzer_command *command = handle->data;
    if (--command->open_handles > 0)
        return;
    loop_timer_destroy(command->linger);
    command->linger = NULL;
    conclude(command);
    command->ended(command);
}

static void close_handle(struct analyzer_command *command, uv_handle_t *handle)
{
    if (uv_is_closing(handle))
        return;
    handle->data = command;
    uv_close(handle, on_closed);
}

static void close_pipe(struct analyzer_command *command, enum command_pipe i)
{
    close_handle(command, (uv_handle_t *)&command->pipes[i]);
}

static void close_pipes(struct analyzer_command *command)
{
    for (int i = 0; i < PIPE_COUNT; i++)
        close_pipe(command, (enum command_pipe)i);
}

static void on_linger(void *arg)
{
    close_pipes(arg);
}

static void on_runner_exit(uv_process_t *process, int64_t status, int signo)
{
    struct analyzer_command *command = process->data;
    (void)status;
    command->running = false;
    command->runner_signal = signo;
    close_handle(command, (uv_handle_t *)process);
    close_pipe(command, PIPE_INPUT);
    loop_timer_start(command->linger, LINGER_MS);
}

/* --- pipes --------------------------------------------------------------------------------------
 */

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const struct analyzer_command *command = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(command->start.read_buffer, (unsigned)COMMAND_READ_SIZE);
}

static void take_output(struct analyzer_command *command, struct span bytes)
{
    if (command->overflow)
        return;
    text_append_span(&command->output, bytes);
    if (command->output.failed) {
        command->overflow = true;
        command->overflowed(command);
    }
}

static void take_bytes(struct analyzer_command *command, enum command_pipe from, struct span bytes)
{
    switch (from) {
    case PIPE_OUTPUT:
        take_output(command, bytes);
        break;
    case PIPE_LOG:
        log_tail_feed(&command->log, bytes);
        break;
    case PIPE_PROGRESS:
        if (progress_lines_feed(&command->progress, bytes))
            command->progressed(command);
        break;
    case PIPE_REPORT:
        text_append_span(&command->report, bytes);
        break;
    case PIPE_INPUT:
    case PIPE_COUNT:
        break;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct analyzer_command *command = stream->data;
    enum command_pipe from = (enum command_pipe)((uv_pipe_t *)stream - command->pipes);
    if (n < 0)
        close_pipe(command, from);
    else if (n > 0)
        take_bytes(command, from, (struct span){buffer->base, (size_t)n});
}

/* A command may end without having read its input; that is no failure. */
static void on_written(uv_write_t *write, int status)
{
    (void)status;
    close_pipe(write->data, PIPE_INPUT);
}

static void start_transfers(struct analyzer_command *command)
{
    for (int i = PIPE_OUTPUT; i < PIPE_COUNT; i++) {
        if (uv_read_start((uv_stream_t *)&command->pipes[i], lend_buffer, on_read) != 0)
            close_pipe(command, (enum command_pipe)i);
    }
    struct span input = command->start.input;
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)input.data, (unsigned)input.len);
    command->write.data = command;
    uv_stream_t *to = (uv_stream_t *)&command->pipes[PIPE_INPUT];
    if (uv_write(&command->write, to, &bytes, 1, on_written) != 0)
        close_pipe(command, PIPE_INPUT);
}

/* --- the start ----------------------------------------------------------------------------------
 */

/* One pipe; the command's end goes into *ret_end. 0 or libuv's error. */
static int open_pipe(struct analyzer_command *command, enum command_pipe i, int *ret_end)
{
    uv_file ends[2];
    bool to_command = i == PIPE_INPUT;
    int error = uv_pipe(ends, to_command ? 0 : UV_NONBLOCK_PIPE, to_command ? UV_NONBLOCK_PIPE : 0);
    if (error != 0)
        return error;
    *ret_end = ends[to_command ? 0 : 1];
    error = uv_pipe_open(&command->pipes[i], ends[to_command ? 1 : 0]);
    if (error != 0)
        close(ends[to_command ? 1 : 0]);
    return error;
}

static int spawn_runner(struct analyzer_command *command, char **argv, const int ends[PIPE_COUNT])
{
    uv_stdio_container_t stdio[PIPE_COUNT];
    for (int i = 0; i < PIPE_COUNT; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = ends[i];
    }
    uv_process_options_t options = {
        .file = command->start.runner,
        .args = argv,
        .env = command->start.environment,
        .cwd = command->start.directory,
        .flags = UV_PROCESS_DETACHED, /* no terminal of ours, and no ^C meant for us */
        .stdio_count = PIPE_COUNT,
        .stdio = stdio,
        .exit_cb = on_runner_exit,
    };
    struct loop *loop = command->start.loop;
    command->open_handles++;
    command->process.data = command;
    int error = uv_spawn(loop_native(loop), &command->process, &options);
    if (error != 0)
        close_handle(command, (uv_handle_t *)&command->process);
    return error;
}

static int open_and_spawn(struct analyzer_command *command, char **argv)
{
    int ends[PIPE_COUNT], count = 0, error = 0;
    for (; error == 0 && count < PIPE_COUNT; count++) {
        ends[count] = -1;
        error = open_pipe(command, (enum command_pipe)count, &ends[count]);
    }
    if (error == 0)
        error = spawn_runner(command, argv, ends);
    for (int i = 0; i < count; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
    }
    return error;
}

static bool build_argv(struct words *words, const struct command_start *start)
{
    bool ok = words_add(words, span_of(start->runner)) && words_add(words, SPAN("--"));
    for (char **word = start->argv; ok && *word != NULL; word++)
        ok = words_add(words, span_of(*word));
    return ok;
}

static void init(struct analyzer_command *command, const struct command_start *start)
{
    command->start = *start;
    command->ending = COMMAND_ENDED;
    command->usage = (struct process_usage){.exit_code = -1};
    command->log.len = 0;
    command->log.cut = false;
    command->overflow = command->running = false;
    text_buffer_init(&command->output, start->max_output);
    text_buffer_init(&command->report, REPORT_MAX);
    progress_lines_init(&command->progress);
    command->linger = loop_timer_create(start->loop, on_linger, command);
    command->open_handles = 0;
}

bool analyzer_command_start(struct analyzer_command *command, const struct command_start *start)
{
    struct words argv = {NULL, 0};
    init(command, start);
    if (command->linger == NULL || !build_argv(&argv, start)) {
        words_finish(&argv);
        return false;
    }
    for (int i = 0; i < PIPE_COUNT; i++) {
        uv_pipe_init(loop_native(start->loop), &command->pipes[i], 0);
        command->pipes[i].data = command;
        command->open_handles++;
    }
    int error = open_and_spawn(command, argv.items);
    words_finish(&argv);
    if (error == 0) {
        command->running = true;
        start_transfers(command);
    } else {
        command->ending = COMMAND_NOT_STARTED;
        command->start_errno = -error;
        close_pipes(command);
    }
    return true;
}

void analyzer_command_signal(struct analyzer_command *command, int signo)
{
    if (!command->running)
        return;
    uv_process_kill(&command->process, signo);
    uv_process_kill(&command->process, SIGCONT); /* while stopped it would not take the other */
}

void analyzer_command_finish(struct analyzer_command *command)
{
    loop_timer_destroy(command->linger);
    command->linger = NULL;
    text_buffer_finish(&command->output);
    text_buffer_finish(&command->report);
    progress_lines_finish(&command->progress);
}
