/* The command line: long options only, `--name=value` or `--name value`. */
#include "app/config_private.h"

#include <string.h>

struct reader {
    struct config *config;
    struct command_line *line;
    const char *const *next; /* argument after the present one */
};

static const struct {
    const char *option;
    enum config_action action;
} actions[] = {
    {"--help", CONFIG_HELP},
    {"-h", CONFIG_HELP},
    {"--version", CONFIG_VERSION},
    {"--check-config", CONFIG_CHECK},
    {"--print-config", CONFIG_PRINT},
    {"--healthcheck", CONFIG_HEALTHCHECK},
    {"--healthcheck=ready", CONFIG_HEALTHCHECK_READY},
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

#define REPAIR_OPTION "--repair"

/* Help and version are answered whatever else is there. */
static bool action_read(struct config *config, const char *argument)
{
    const struct span healthcheck = SPAN("--healthcheck=");
    if (strcmp(argument, REPAIR_OPTION) == 0) {
        config->repair = true;
        return true;
    }
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].option, argument) != 0)
            continue;
        if (config->action != CONFIG_HELP && config->action != CONFIG_VERSION)
            config->action = actions[i].action;
        return true;
    }
    if (strncmp(argument, healthcheck.data, healthcheck.len) != 0)
        return false;
    config_fault(config, "%s: there are --healthcheck and --healthcheck=ready", argument);
    return true;
}

/* Whether the option is that of the setting: without making its text, as all are looked at. */
static bool is_option_of(struct span option, const struct setting *setting)
{
    const char *name = setting->name;
    if (option.len < 3 || option.data[0] != '-' || option.data[1] != '-')
        return false;
    for (size_t i = 2; i < option.len; i++, name++)
        if (*name == '\0' || option.data[i] != setting_option_letter(*name))
            return false;
    return *name == '\0';
}

/* The setting of an option without its value; *ret_file: it was the -file form of a secret. */
static const struct setting *find_setting(struct span option, bool *ret_file)
{
    struct span stem = {option.data, option.len > 5 ? option.len - 5 : 0};
    bool may_be_file = memcmp(option.data + stem.len, "-file", option.len - stem.len) == 0;
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        *ret_file = false;
        if (is_option_of(option, setting))
            return setting;
        *ret_file = true;
        if (may_be_file && setting->kind == SETTING_SECRET && is_option_of(stem, setting))
            return setting;
    }
    return NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A bit for each letter that is there. */
static uint64_t letters_of(struct span text)
{
    uint64_t letters = 0;
    for (size_t i = 0; i < text.len; i++)
        letters |= UINT64_C(1) << (text.data[i] & 63);
    return letters;
}

/* A letter that only one of them has takes a change. */
static bool are_far_apart(uint64_t a, uint64_t b, size_t enough)
{
    return (size_t)__builtin_popcountll(a & ~b) >= enough ||
           (size_t)__builtin_popcountll(b & ~a) >= enough;
}

/* How many letters must be put in, left out or changed to make one of the other; any number from
 * `enough` on stands for that and more. */
static size_t edit_distance(struct span a, const char *b, size_t enough)
{
    size_t row[OPTION_TEXT_SIZE + 1], len = strlen(b);
    if (a.len >= len + enough || len >= a.len + enough ||
        are_far_apart(letters_of(a), letters_of((struct span){b, len}), enough))
        return enough;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t corner = row[0], least = i + 1;
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t change = corner + (a.data[i] != b[j]);
            corner = row[j + 1];
            row[j + 1] = smaller(change, smaller(row[j], row[j + 1]) + 1);
            least = smaller(least, row[j + 1]);
        }
        if (least >= enough) /* no row has less than the one before */
            return enough;
    }
    return row[len];
}

static void keep_nearer(struct span option, const char *known, size_t *best,
                        char ret_nearest[OPTION_TEXT_SIZE])
{
    size_t distance = edit_distance(option, known, *best);
    if (distance < *best && text_copy(ret_nearest, OPTION_TEXT_SIZE, span_of(known)))
        *best = distance;
}

static void refuse_unknown(struct config *config, struct span option)
{
    char known[OPTION_TEXT_SIZE], nearest[OPTION_TEXT_SIZE] = "";
    size_t best = 4; /* further away is no slip of the finger */
    for (size_t i = 0; i < ACTION_COUNT; i++)
        keep_nearer(option, actions[i].option, &best, nearest);
    keep_nearer(option, REPAIR_OPTION, &best, nearest);
    for (size_t i = 0; option.len < OPTION_TEXT_SIZE + best && i < config_setting_count; i++) {
        size_t len = strlen(config_settings[i].name) + 2;
        if (option.len >= len + best || len >= option.len + best)
            continue;
        setting_option(&config_settings[i], known);
        keep_nearer(option, known, &best, nearest);
    }
    if (*nearest != '\0')
        config_fault(config, SPAN_FMT ": there is no such option; is %s meant? See --help",
                     SPAN_ARG(option), nearest);
    else
        config_fault(config, SPAN_FMT ": there is no such option; see --help", SPAN_ARG(option));
}

/* The value of the option: behind its '=', or the next argument, which is then consumed. A boolean
 * may stand alone. NULL when there is none. */
static const char *option_value(struct reader *reader, const char *inline_value, bool is_boolean)
{
    if (inline_value != NULL)
        return inline_value;
    const char *next = *reader->next;
    if (is_boolean && (next == NULL || next[0] == '-'))
        return "true";
    if (next != NULL)
        reader->next++;
    return next;
}

static void option_read(struct reader *reader, const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct span option = {argument,
                          equals != NULL ? (size_t)(equals - argument) : strlen(argument)};
    bool is_file;
    const struct setting *setting = find_setting(option, &is_file);
    if (setting == NULL) {
        refuse_unknown(reader->config, option);
        return;
    }
    const char *value =
        option_value(reader, equals != NULL ? equals + 1 : NULL, setting->kind == SETTING_BOOLEAN);
    size_t i = (size_t)(setting - config_settings);
    if (value == NULL)
        config_fault(reader->config, "%s: needs a value", argument);
    else if (is_file)
        reader->line->files[i] = value;
    else if (setting->kind == SETTING_LIST)
        setting_set(reader->config, setting, value, SOURCE_OPTION);
    else
        reader->line->values[i] = value;
}

void command_line_read(struct command_line *ret_line, struct config *config,
                       const char *const argv[])
{
    memset(ret_line, 0, sizeof(*ret_line));
    struct reader reader = {.config = config, .line = ret_line, .next = argv};
    if (*reader.next != NULL)
        reader.next++;
    while (*reader.next != NULL) {
        const char *argument = *reader.next++;
        if (action_read(config, argument))
            continue;
        if (argument[0] == '-' && argument[1] == '-')
            option_read(&reader, argument);
        else
            config_fault(config, "%s: is no option; settings are given as --name=value, see --help",
                         argument);
    }
}
