#include "app/config.h"

#include "app/build_info.h"
#include "app/config_table.h"

#include <inttypes.h>
#include <string.h>

static const char usage_start[] =
    "Usage: proctrackd [option...]\n"
    "       proctrackd export [--file FILE] [option...]\n"
    "       proctrackd import [--file FILE] [option...]\n"
    "\n"
    "Tracks long-running processes over HTTP: POST /analyze starts one, GET /status/<id> tells "
    "how\n"
    "it stands, DELETE /cleanup removes what is finished.\n"
    "\n"
    "  --help           this text\n"
    "  --version        version, libraries, and whether it can speak TLS to Redis\n"
    "  --check-config   says all that is wrong with the configuration; exit 0 or 2\n"
    "  --print-config   shows the configuration in force, without secrets\n"
    "  --healthcheck    asks the server with this configuration for /healthz, on ADMIN_PORT where "
    "there\n"
    "                   is one; exit 0 when it is well, else 1; --healthcheck=ready asks for "
    "/readyz\n"
    "  export, import   all that is kept, as lines of JSON, out of Redis or DATA_DIR (whichever "
    "the\n"
    "                   settings name), or into it; FILE or standard output and input\n"
    "  --repair         starts although files in DATA_DIR are damaged, with what of them is "
    "intact;\n"
    "                   the damaged ones are kept under another name\n"
    "\n"
    "Each setting is an environment variable, an option (--name=value or --name value) or a line\n"
    "NAME=value in the file that CONFIG_FILE names; the option wins, then the variable. An empty\n"
    "variable counts as not set. HUP has the files read again; what is marked \"reloads\" is then "
    "in\n"
    "force without a restart. Secrets can also be read from a file, "
    "named\n"
    "like REDIS_PASSWORD_FILE or --redis-password-file; on a command line every user of the "
    "machine\n"
    "can see them.\n";

static const char usage_end[] =
    "\n"
    "Signals: TERM and INT stop it once what is under way has finished; a second one ends it at\n"
    "once. HUP reads the configuration again; if anything is wrong with it, the old one stays in\n"
    "force.\n"
    "\n"
    "Exit codes:\n"
    "   0  stopped as asked\n"
    "   1  --healthcheck: the server does not answer, or not well\n"
    "   2  the configuration is wrong\n"
    "  65  files in DATA_DIR, or what is exported or imported, are damaged: the message says "
    "where\n"
    "  69  Redis cannot be used, and REDIS_REQUIRED is set, or it is to be exported or imported\n"
    "  70  stopped as asked, but work was still under way after SHUTDOWN_TIMEOUT_SECONDS\n"
    "  71  the system gave no memory, threads or descriptors\n"
    "  73  another instance uses DATA_DIR\n"
    "  74  DATA_DIR, or the file of an export or import, cannot be made, read or written\n"
    "  75  the address, or a socket that was passed, is in use or cannot be listened on\n"
    "  78  analyzers are configured, but proctrack-run is not installed\n"
    " 128+n  ended by a second signal n\n";

static void print_range(FILE *out, const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_INTEGER:
        fprintf(out, "%" PRId64 "..%" PRId64 "%s%s", setting->min, setting->max,
                setting->unit != NULL ? " " : "", setting->unit != NULL ? setting->unit : "");
        break;
    case SETTING_BOOLEAN:
        fprintf(out, "true or false");
        break;
    case SETTING_TEXT:
        fprintf(out, "text");
        break;
    case SETTING_SECRET:
        fprintf(out, "secret, also %s_FILE", setting->name);
        break;
    case SETTING_CHOICE:
        for (size_t i = 0; setting->choices[i] != NULL; i++)
            fprintf(out, "%s%s", i == 0 ? "" : ", ", setting->choices[i]);
        break;
    case SETTING_LIST:
        fprintf(out, "list");
        break;
    }
}

/* The sentence, broken between words. */
static void print_wrapped(FILE *out, const char *text)
{
    const int indent = 8, width = 96;
    int column = 0;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + len > width) {
            putc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s%.*s", column == 0 ? indent : 1, "", len, text);
        text += len + (text[len] == ' ');
    }
    putc('\n', out);
}

void config_print_help(FILE *out)
{
    const char *group = "";
    fputs(usage_start, out);
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        char option[OPTION_TEXT_SIZE];
        setting_option(setting, option);
        if (strcmp(group, setting->group) != 0)
            fprintf(out, "\n%s\n", setting->group);
        group = setting->group;
        fprintf(out, "  %s, %s  (", setting->name, option);
        print_range(out, setting);
        const char *initial = setting->initial != NULL ? setting->initial : setting->computed;
        fprintf(out, "%s; default: %s)\n", setting->reloads ? "; reloads" : "",
                *initial != '\0' ? initial : "none");
        print_wrapped(out, setting->help);
    }
    fputs(usage_end, out);
}

void config_print_version(FILE *out)
{
    fprintf(out,
            "proctrackd " PROCTRACK_VERSION "\n"
            "built with libmicrohttpd " MICROHTTPD_VERSION ", hiredis " HIREDIS_VERSION
            ", jansson " JANSSON_VERSION ", libuv " LIBUV_VERSION "\n"
            "TLS to Redis: %s\n",
            redis_client_has_tls() ? "yes" : "no");
}

/* A URL less what could be secret: who logs in, and all parameters but the database. Hides too much
 * rather than too little where the URL is odd. */
static void print_redacted_url(FILE *out, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (scheme_end == NULL) {
        fprintf(out, "%s", *url != '\0' ? "***" : "");
        return;
    }
    const char *rest = scheme_end + 3, *at = strrchr(rest, '@');
    fprintf(out, "%.*s", (int)(rest - url), url);
    if (at != NULL) {
        fprintf(out, "***@");
        rest = at + 1;
    }
    size_t len = strcspn(rest, "?");
    fprintf(out, "%.*s", (int)len, rest);
    for (char separator = '?'; rest[len] != '\0'; separator = '&') {
        rest += len + 1;
        len = strcspn(rest, "&");
        bool is_database = strncmp(rest, "db=", 3) == 0;
        fprintf(out, "%c%.*s", separator, is_database ? (int)len : 3, is_database ? rest : "***");
    }
}

static void print_list(FILE *out, const struct setting *setting, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (i > 0 && setting->separator == '\n')
            fprintf(out, "\n%s=%s", setting->name, list->items[i]);
        else
            fprintf(out, "%s%s", i > 0 ? "," : "", list->items[i]);
}

static void print_value(FILE *out, const struct config *config, const struct setting *setting)
{
    const void *field = (const char *)config + setting->offset;
    switch (setting->kind) {
    case SETTING_INTEGER:
        fprintf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case SETTING_BOOLEAN:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case SETTING_TEXT:
        fputs(*(char *const *)field, out);
        break;
    case SETTING_SECRET:
        if (setting->offset == offsetof(struct config, redis_url))
            print_redacted_url(out, config->redis_url);
        else if (**(char *const *)field != '\0')
            fputs("***", out);
        break;
    case SETTING_CHOICE:
        fputs(setting->choices[*(const int *)field], out);
        break;
    case SETTING_LIST:
        print_list(out, setting, field);
        break;
    }
}

static const char *source_name(enum config_source source)
{
    switch (source) {
    case SOURCE_DEFAULT:
        return "default";
    case SOURCE_FILE:
        return "file";
    case SOURCE_FILE_FILE:
        return "file, from a file";
    case SOURCE_ENVIRONMENT:
        return "environment";
    case SOURCE_ENVIRONMENT_FILE:
        return "environment, from a file";
    case SOURCE_OPTION:
        return "option";
    case SOURCE_OPTION_FILE:
        return "option, from a file";
    }
    return "";
}

static bool is_from_file(enum config_source source)
{
    return source == SOURCE_FILE_FILE || source == SOURCE_ENVIRONMENT_FILE ||
           source == SOURCE_OPTION_FILE;
}

/* Settings that REDIS_URL can override by one of its parts while they are not given themselves. */
static bool is_part_of_url(const struct config *config, const struct setting *setting)
{
    const size_t parts[] = {
        offsetof(struct config, redis_host),     offsetof(struct config, redis_port),
        offsetof(struct config, redis_db),       offsetof(struct config, redis_username),
        offsetof(struct config, redis_password),
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i] == setting->offset)
            return *config->redis_url != '\0' &&
                   config->sources[setting - config_settings] == SOURCE_DEFAULT;
    return false;
}

static void print_outcome(FILE *out, const struct config *config)
{
    char where[512] = "";
    redis_options_describe(&config->redis, where, sizeof(where));
    if (config->use_redis)
        fprintf(out, "# processes are kept in Redis at %s, database %d%s\n", where,
                config->redis.database, config->redis.tls ? ", over TLS" : "");
    else
        fprintf(out, "# processes are kept in memory, on one I/O loop, and %s%s\n",
                *config->data_dir != '\0' ? "stored in " : "are lost when the program ends",
                config->data_dir);
    fprintf(out, "# analyzers:");
    for (size_t i = 0; i < config->analyzers.count; i++)
        fprintf(out, " " SPAN_FMT, SPAN_ARG(config->known_types[i]));
    fprintf(out, "%s\n", config->analyzers.count == 0 ? " none" : "");
    if (config->type_of_none.data != NULL)
        fprintf(out, "# a request that names no type gets " SPAN_FMT "\n",
                SPAN_ARG(config->type_of_none));
}

void config_print(FILE *out, const struct config *config)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        if (is_part_of_url(config, setting)) {
            fprintf(out, "# %s: as REDIS_URL says\n", setting->name);
        } else {
            fprintf(out, "%s=", setting->name);
            print_value(out, config, setting);
            fprintf(out, "  # %s\n", source_name(config->sources[i]));
        }
        if (setting->kind == SETTING_SECRET)
            fprintf(out, "# %s_FILE: %s\n", setting->name,
                    is_from_file(config->sources[i]) ? "read" : "not given");
    }
    print_outcome(out, config);
}
