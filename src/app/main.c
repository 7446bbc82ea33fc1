#include "app/config.h"
#include "app/healthcheck.h"
#include "app/reload.h"
#include "app/service.h"
#include "app/transfer.h"
#include "proctrack/log.h"

#include <stdio.h>
#include <unistd.h>

static void print_lines(struct span lines, const char *prefix)
{
    struct span line;
    while (span_split(&lines, '\n', &line))
        if (line.len > 0)
            fprintf(stderr, "proctrackd: %s" SPAN_FMT "\n", prefix, SPAN_ARG(line));
}

static enum exit_code refuse(const struct config *config)
{
    print_lines(text_buffer_span(&config->faults), "");
    if (config->faults.len == 0)
        fprintf(stderr, "proctrackd: out of memory\n");
    return EXIT_CONFIG;
}

static enum exit_code run(const struct transfer_command *command, const struct config *config)
{
    struct span lines = text_buffer_span(&config->warnings), line;
    log_set_format((enum log_format)config->log_format);
    log_set_level((enum log_level)config->log_level);
    log_set_rate(config->log_rate);
    while (span_split(&lines, '\n', &line))
        if (line.len > 0)
            log_warn("hardly meant so", log_span("setting", line));
    if (command->way == TRANSFER_NONE)
        return service_run(config);
    reload_release_signal();
    return transfer_run(command, config);
}

static enum exit_code act(const struct transfer_command *command, const struct config *config)
{
    switch (config->action) {
    case CONFIG_RUN:
        return run(command, config);
    case CONFIG_HELP:
        config_print_help(stdout);
        break;
    case CONFIG_VERSION:
        config_print_version(stdout);
        break;
    case CONFIG_CHECK:
        print_lines(text_buffer_span(&config->warnings), "warning: ");
        puts("the configuration is valid");
        break;
    case CONFIG_PRINT:
        config_print(stdout, config);
        break;
    case CONFIG_HEALTHCHECK:
        return healthcheck_run(config, "/healthz");
    case CONFIG_HEALTHCHECK_READY:
        return healthcheck_run(config, "/readyz");
    }
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_SYSTEM;
}

int main(int argc, char *argv[])
{
    struct config config;
    struct transfer_command command;
    (void)argc;
    reload_hold_signal();
    if (!transfer_read(&command, argv))
        return EXIT_CONFIG;
    enum exit_code code =
        config_load(&config, (const char *const *)command.rest, (const char *const *)environ)
            ? act(&command, &config)
            : refuse(&config);
    config_finish(&config);
    return (int)code;
}
