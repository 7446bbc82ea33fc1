/* proctrack-text-stats as the server and as a shell would run it. The numbers were counted by
 * hand; the texts are article 1 of the Universal Declaration of Human Rights. */
#include "support/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
    int status;
    char *output, *log, *progress; /* all but output are NULL unless asked for */
};

static int temporary_file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd > 4);
    return fd;
}

static char *read_back(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

static void become_program(int input, int output, int log, int progress)
{
    dup2(input, 0);
    dup2(output, 1);
    dup2(log, 2);
    if (progress >= 0)
        dup2(progress, 3);
    else
        close(3);
    const char *path = getenv("PROCTRACK_TEXT_STATS");
    if (path != NULL)
        execl(path, "proctrack-text-stats", (char *)NULL);
    _exit(99);
}

/* Files as pipes' stand-ins: whatever the sizes, nobody waits for anybody. */
static struct outcome run_bytes(const char *input, size_t len, bool with_progress)
{
    for (int fd = open("/dev/null", O_RDONLY); fd < 5; fd = dup(fd))
        assert_true(fd >= 0); /* so that none of ours is in the way of 0 to 3 */
    int in = temporary_file(), out = temporary_file(), log = temporary_file();
    int progress = with_progress ? temporary_file() : -1;
    assert_int_equal(write(in, input, len), len);
    lseek(in, 0, SEEK_SET);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_program(in, out, log, progress);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    close(in);
    return (struct outcome){.status = WEXITSTATUS(status),
                            .output = read_back(out),
                            .log = read_back(log),
                            .progress = with_progress ? read_back(progress) : NULL};
}

static void outcome_finish(struct outcome *outcome)
{
    free(outcome->output);
    free(outcome->log);
    free(outcome->progress);
}

static json_t *report_of(const char *input)
{
    struct outcome outcome = run_bytes(input, strlen(input), false);
    if (outcome.status != 0)
        fail_msg("%s", outcome.log);
    json_t *report = json_loads(outcome.output, 0, NULL);
    assert_non_null(report);
    outcome_finish(&outcome);
    return report;
}

static json_t *report_of_text(const char *text)
{
    json_t *input = json_pack("{s:s}", "text", text);
    char *bytes = json_dumps(input, 0);
    json_t *report = report_of(bytes);
    free(bytes);
    json_decref(input);
    return report;
}

/* A member by a path of names, "counts/words". */
static json_t *at(json_t *report, const char *path)
{
    for (char name[64]; report != NULL && *path != '\0';) {
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        report = json_is_array(report) ? json_array_get(report, strtoul(name, NULL, 10))
                                       : json_object_get(report, name);
        path += len + (path[len] == '/');
    }
    if (report == NULL)
        fail_msg("not in the report");
    return report;
}

static void have_int(json_t *report, const char *path, json_int_t expected)
{
    json_t *value = at(report, path);
    if (!json_is_integer(value) || json_integer_value(value) != expected)
        fail_msg("%s is %lld", path, (long long)json_integer_value(value));
}

static void have_number(json_t *report, const char *path, double expected)
{
    double value = json_number_value(at(report, path));
    if (value < expected - 0.0051 || value > expected + 0.0051)
        fail_msg("%s is %f", path, value);
}

static void have_string(json_t *report, const char *path, const char *expected)
{
    assert_string_equal(json_string_value(at(report, path)), expected);
}

/* --- reports ------------------------------------------------------------------------------------
 */

static const char english[] =
    "All human beings are born free and equal in dignity and rights. They are endowed with reason "
    "and conscience and should act towards one another in a spirit of brotherhood.";

static void test_english(void **state)
{
    (void)state;
    json_t *report = report_of_text(english);
    have_string(report, "language/code", "en");
    assert_true(json_number_value(at(report, "language/confidence")) > 0.7);
    have_int(report, "counts/characters", 170);
    have_int(report, "counts/letters", 139);
    have_int(report, "counts/words", 12 + 18);
    have_int(report, "counts/unique_words", 25); /* and four times, are and in twice */
    have_int(report, "counts/sentences", 2);
    have_int(report, "counts/paragraphs", 1);
    have_int(report, "counts/lines", 1);
    have_number(report, "averages/letters_per_word", 139.0 / 30);
    have_number(report, "averages/words_per_sentence", 15);
    /* Long: dignity endowed conscience towards another brotherhood. */
    have_number(report, "readability/lix", 15 + 100.0 * 6 / 30);
    have_number(report, "readability/rix", 3);
    /* Spoken it has 44 syllables; the estimate takes the "ei" of beings for one. */
    have_number(report, "readability/flesch_reading_ease", 206.835 - 1.015 * 15 - 84.6 * 43 / 30);
    have_number(report, "readability/flesch_kincaid_grade", 0.39 * 15 + 11.8 * 43 / 30 - 15.59);
    have_int(report, "reading_time_seconds", 8); /* 30 of 238 words a minute: 7.6 s */
    have_string(report, "terms/0/term", "act");
    have_int(report, "terms/0/count", 1);
    assert_int_equal(json_array_size(at(report, "terms")), 13);
    assert_int_equal(json_array_size(at(report, "bigrams")), 0);
    json_decref(report);
}

static const struct {
    const char *code, *text, *first_term;
    int words, unique, sentences, letters, long_words;
} languages[] = {
    {"de",
     "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und "
     "Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
     "begabt", 11 + 15, 22, 2, 52 + 85, 8},
    {"fr",
     "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de "
     "raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
     "fraternité.",
     "agir", 13 + 21, 26, 2, 59 + 92, 6},
    {"es",
     "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están "
     "de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
     "comportarse", 28, 24, 1, 141, 8},
    {"it",
     "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di "
     "ragione e di coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
     "agire", 12 + 20, 25, 2, 57 + 88, 7},
    {"sv",
     "Alla människor är födda fria och lika i värde och rättigheter. De har utrustats med förnuft "
     "och samvete och bör handla gentemot varandra i en anda av gemenskap.",
     "anda", 11 + 17, 24, 2, 51 + 80, 8},
};

static void test_other_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        json_t *report = report_of_text(languages[i].text);
        double words = languages[i].words, sentences = languages[i].sentences;
        have_string(report, "language/code", languages[i].code);
        have_int(report, "counts/words", languages[i].words);
        have_int(report, "counts/unique_words", languages[i].unique);
        have_int(report, "counts/sentences", languages[i].sentences);
        have_int(report, "counts/letters", languages[i].letters);
        have_number(report, "readability/lix",
                    words / sentences + 100 * languages[i].long_words / words);
        have_number(report, "readability/rix", languages[i].long_words / sentences);
        assert_true(json_is_null(at(report, "readability/flesch_reading_ease")));
        have_string(report, "terms/0/term", languages[i].first_term);
        json_decref(report);
    }
}

static void test_dutch_and_portuguese_are_told_from_their_neighbours(void **state)
{
    (void)state;
    json_t *dutch = report_of_text(
        "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd "
        "met verstand en geweten, en behoren zich jegens elkander in een geest van broederschap te "
        "gedragen.");
    have_string(dutch, "language/code", "nl");
    json_decref(dutch);
    json_t *portuguese = report_of_text(
        "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de "
        "razão e de consciência, devem agir uns para com os outros em espírito de fraternidade.");
    have_string(portuguese, "language/code", "pt");
    json_decref(portuguese);
}

static void test_unsure_is_said(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "12 34 XK9",
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
        ("Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on "
         "annettu järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden hengessä."),
        "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *report = report_of_text(texts[i]);
        have_string(report, "language/code", "und");
        have_number(report, "language/confidence", 0);
        json_decref(report);
    }
}

static void test_cyrillic_words(void **state)
{
    (void)state;
    json_t *report = report_of_text("Все люди равны. ВСЕ ЛЮДИ свободны!");
    have_int(report, "counts/words", 6);
    have_int(report, "counts/unique_words", 4);
    have_int(report, "counts/letters", 3 + 4 + 5 + 3 + 4 + 8);
    have_string(report, "terms/0/term", "все");
    have_int(report, "terms/0/count", 2);
    have_string(report, "bigrams/0/term", "все люди");
    have_int(report, "bigrams/0/count", 2);
    json_decref(report);
}

static void test_too_little_text(void **state)
{
    (void)state;
    json_t *report = report_of("\"\"");
    have_int(report, "counts/words", 0);
    assert_true(json_is_null(at(report, "averages/letters_per_word")));
    assert_true(json_is_null(at(report, "averages/words_per_sentence")));
    json_decref(report);
    report = report_of("\"The cat sat on the mat.\"");
    assert_true(json_is_null(at(report, "readability/lix")));
    assert_true(json_is_null(at(report, "readability/flesch_reading_ease")));
    json_decref(report);
}

static void test_documents_and_total(void **state)
{
    (void)state;
    json_t *report =
        report_of("{\"documents\": [{\"name\": \"one\", \"text\": \"Red fox. Red fox.\"},"
                  "{\"text\": \"Red fox\\n\\nblue\", \"name\": \"two\"}]}");
    assert_int_equal(json_array_size(at(report, "documents")), 2);
    have_string(report, "documents/0/name", "one");
    have_int(report, "documents/0/counts/words", 4);
    have_int(report, "documents/1/counts/words", 3);
    have_int(report, "documents/1/counts/lines", 3);
    have_int(report, "total/counts/words", 7);
    have_int(report, "total/counts/unique_words", 3);
    have_int(report, "total/counts/sentences", 4);
    have_int(report, "total/counts/paragraphs", 3);
    have_string(report, "total/terms/0/term", "fox");
    have_int(report, "total/terms/0/count", 3);
    have_string(report, "total/bigrams/0/term", "red fox");
    have_int(report, "total/bigrams/0/count", 3);
    json_decref(report);
}

/* --- the protocol -------------------------------------------------------------------------------
 */

static char *long_input(size_t len)
{
    char *input = malloc(len + 3);
    assert_non_null(input);
    input[0] = '"';
    for (size_t i = 0; i < len; i++)
        input[i + 1] = i % 7 == 6 ? ' ' : (char)('a' + (i / 7 + i) % 26);
    memcpy(input + len + 1, "\"", 2);
    return input;
}

/* Each line is progress as the server takes it, and it only grows, from 0 to nearly all. */
static void test_progress(void **state)
{
    (void)state;
    char *input = long_input((size_t)1024 * 1024);
    struct outcome outcome = run_bytes(input, strlen(input), true);
    free(input);
    assert_int_equal(outcome.status, 0);
    double last = -1;
    int lines = 0;
    for (char *line = strtok(outcome.progress, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        double percent = json_number_value(json_object_get(object, "percent"));
        assert_true(percent >= last && percent <= 100);
        assert_true(json_string_length(json_object_get(object, "message")) > 0);
        assert_true(json_integer_value(json_object_get(object, "step")) <=
                    json_integer_value(json_object_get(object, "steps")));
        json_decref(object);
        if (lines++ == 0)
            assert_true(percent < 0.001);
        last = percent;
    }
    assert_true(lines > 20 && lines < 120);
    assert_true(last > 95);
    outcome_finish(&outcome);
}

static void test_bad_input(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", "it is not JSON"},
        {"{\"text\": \"a\"", "it is not JSON"},
        {"\"\xFF\"", "it is not JSON"},
        {"{\"text\": \"a\", \"text\": \"b\"}", "it is not JSON"},
        {"12", "it must be a string, {\"text\": "},
        {"null", "it must be a string"},
        {"[\"a\"]", "it must be a string"},
        {"{}", "it must be a string"},
        {"{\"text\": 1}", "it must be a string"},
        {"{\"text\": \"a\", \"more\": 1}", "without other members"},
        {"{\"documents\": []}", "/documents must have 1 to 1000 items"},
        {"{\"documents\": {}}", "it must be a string"},
        {"{\"documents\": [{\"name\": \"a\", \"text\": \"b\"}, {\"name\": \"a\"}]}",
         "/documents/1 must be"},
        {"{\"documents\": [\"a\"]}", "/documents/0 must be"},
        {"{\"documents\": [{\"name\": 1, \"text\": \"b\"}]}", "/documents/0 must be"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct outcome outcome = run_bytes(pairs[i][0], strlen(pairs[i][0]), true);
        if (outcome.status != 65 || strstr(outcome.log, pairs[i][1]) == NULL)
            fail_msg("%d %s for %s", outcome.status, outcome.log, pairs[i][0]);
        assert_string_equal(outcome.output, "");
        outcome_finish(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_english),
        cmocka_unit_test(test_other_languages),
        cmocka_unit_test(test_dutch_and_portuguese_are_told_from_their_neighbours),
        cmocka_unit_test(test_unsure_is_said),
        cmocka_unit_test(test_cyrillic_words),
        cmocka_unit_test(test_too_little_text),
        cmocka_unit_test(test_documents_and_total),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
