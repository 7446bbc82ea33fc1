#include "support/test.h"

#include "storage/redis_replies.h"

#include <hiredis/sds.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct redis_replies replies;
    redisContext context;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    *state = bench;
    if (bench == NULL)
        return 1;
    bench->context.reader = redisReaderCreate();
    redis_replies_use(&bench->replies, &bench->context);
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    redisReaderFree(bench->context.reader); /* drops what is half read */
    assert_null(bench->replies.more);
    assert_int_equal(bench->replies.used, 0);
    free(bench);
    return 0;
}

static void feed(struct bench *bench, const char *text)
{
    assert_int_equal(redisReaderFeed(bench->context.reader, text, strlen(text)), REDIS_OK);
}

/* NULL: not yet whole. */
static redisReply *next(struct bench *bench)
{
    void *reply;
    assert_int_equal(redisReaderGetReply(bench->context.reader, &reply), REDIS_OK);
    return reply;
}

static void assert_text(const redisReply *reply, int type, const char *text)
{
    assert_int_equal(reply->type, type);
    assert_int_equal(reply->len, strlen(text));
    assert_string_equal(reply->str, text);
}

static void every_kind(void **state)
{
    struct bench *bench = *state;
    feed(bench,
         "*7\r\n$3\r\nabc\r\n$0\r\n\r\n:-42\r\n$-1\r\n*2\r\n+OK\r\n-ERR no\r\n*0\r\n*-1\r\n");
    redisReply *reply = next(bench);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 7);
    assert_text(reply->element[0], REDIS_REPLY_STRING, "abc");
    assert_text(reply->element[1], REDIS_REPLY_STRING, "");
    assert_int_equal(reply->element[2]->type, REDIS_REPLY_INTEGER);
    assert_int_equal(reply->element[2]->integer, -42);
    assert_int_equal(reply->element[3]->type, REDIS_REPLY_NIL);
    assert_text(reply->element[4]->element[0], REDIS_REPLY_STATUS, "OK");
    assert_text(reply->element[4]->element[1], REDIS_REPLY_ERROR, "ERR no");
    assert_int_equal(reply->element[5]->elements, 0);
    assert_int_equal(reply->element[6]->type, REDIS_REPLY_NIL);
    redis_replies_drop(reply);
}

/* Replies of RESP3, which nobody has asked for: an object each, so that nothing else is taken for
 * one. */
static void kinds_that_nobody_asked_for(void **state)
{
#if HIREDIS_MAJOR >= 1
    struct bench *bench = *state;
    feed(bench, "*3\r\n,1.5\r\n#t\r\n:7\r\n");
    redisReply *reply = next(bench);
    assert_int_equal(reply->elements, 3);
    assert_int_equal(reply->element[0]->type, REDIS_REPLY_DOUBLE);
    assert_int_equal(reply->element[1]->type, REDIS_REPLY_BOOL);
    assert_int_equal(reply->element[2]->integer, 7);
    redis_replies_drop(reply);
#else
    (void)state;
    skip();
#endif
}

static void the_room_is_used_again(void **state)
{
    struct bench *bench = *state;
    feed(bench, "$3\r\nabc\r\n:7\r\n");
    redisReply *first = next(bench);
    redis_replies_drop(first);
    redisReply *second = next(bench);
    assert_ptr_equal(first, second);
    assert_int_equal(second->integer, 7);
    assert_null(second->str);
    redis_replies_drop(second);
    redis_replies_drop(NULL);
}

static void in_pieces(void **state)
{
    struct bench *bench = *state;
    feed(bench, "*2\r\n$3\r\nabc\r\n$3\r\nd");
    assert_null(next(bench));
    feed(bench, "ef\r\n*2\r\n:1\r\n");
    redisReply *reply = next(bench);
    assert_text(reply->element[0], REDIS_REPLY_STRING, "abc");
    assert_text(reply->element[1], REDIS_REPLY_STRING, "def");
    redis_replies_drop(reply);
    assert_null(next(bench)); /* the second one stays half read */
}

static void feed_many(struct bench *bench, int count, const char *element)
{
    char head[32];
    snprintf(head, sizeof(head), "*%d\r\n", count);
    feed(bench, head);
    for (int i = 0; i < count; i++)
        feed(bench, element);
}

/* More than there is room for: each object's bytes are its own all the same. */
static void more_than_fits(void **state)
{
    struct bench *bench = *state;
    const int count = REDIS_REPLIES_ROOM / 32;
    for (int again = 0; again < 2; again++) {
        feed_many(bench, count, "$5\r\nhello\r\n");
        redisReply *reply = next(bench);
        assert_int_equal(reply->elements, count);
        assert_non_null(bench->replies.more);
        for (int i = 0; i < count; i++)
            memset(reply->element[i]->str, 'a' + i % 26, reply->element[i]->len);
        for (int i = 0; i < count; i++)
            assert_int_equal(reply->element[i]->str[4], 'a' + i % 26);
        redis_replies_drop(reply);
        assert_null(bench->replies.more);
    }
}

static void one_too_large(void **state)
{
    struct bench *bench = *state;
    char text[3 * REDIS_REPLIES_ROOM + 1];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    feed(bench, "*2\r\n$98304\r\n");
    feed(bench, text);
    feed(bench, "\r\n:3\r\n");
    redisReply *reply = next(bench);
    assert_text(reply->element[0], REDIS_REPLY_STRING, text);
    assert_int_equal(reply->element[1]->integer, 3);
    redis_replies_drop(reply);
}

static void feed_large(struct bench *bench, size_t len)
{
    char head[32];
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    snprintf(head, sizeof(head), "$%zu\r\n", len);
    feed(bench, head);
    feed(bench, text);
    feed(bench, "\r\n");
    free(text);
}

/* What was read is kept for the next, but not for ever as much as the largest took. */
static void a_large_one_leaves_no_room_behind(void **state)
{
    struct bench *bench = *state;
    const redisReader *reader = bench->context.reader;
    feed_large(bench, 4 * REDIS_REPLIES_UNREAD_MAX);
    redis_replies_drop(next(bench));
    feed(bench, ":1\r\n");
    redis_replies_drop(next(bench));
    assert_true(sdsavail(reader->buf) <= REDIS_REPLIES_UNREAD_MAX);
    feed_large(bench, REDIS_REPLIES_UNREAD_MAX / 4);
    redis_replies_drop(next(bench));
    const char *place = reader->buf;
    feed(bench, ":1\r\n");
    redis_replies_drop(next(bench));
    assert_ptr_equal(reader->buf, place);
}

static void a_copy_outlives_it(void **state)
{
    struct bench *bench = *state;
    feed(bench, "*4\r\n$3\r\nabc\r\n:5\r\n*2\r\n+OK\r\n$-1\r\n*0\r\n");
    redisReply *reply = next(bench);
    redisReply *copy = redis_replies_keep(reply);
    redis_replies_drop(reply);
    memset(bench->replies.room, 0xee, sizeof(bench->replies.room));
    assert_int_equal(copy->elements, 4);
    assert_text(copy->element[0], REDIS_REPLY_STRING, "abc");
    assert_int_equal(copy->element[1]->integer, 5);
    assert_text(copy->element[2]->element[0], REDIS_REPLY_STATUS, "OK");
    assert_int_equal(copy->element[2]->element[1]->type, REDIS_REPLY_NIL);
    assert_int_equal(copy->element[3]->elements, 0);
    freeReplyObject(copy);
}

static void a_list_that_none_of_ours_can_be_takes_no_memory(void **state)
{
    struct bench *bench = *state;
    void *reply;
    feed(bench, "*637963791\r\n");
    assert_int_equal(redisReaderGetReply(bench->context.reader, &reply), REDIS_ERR);
    assert_null(bench->replies.more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_list_that_none_of_ours_can_be_takes_no_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_that_nobody_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_room_is_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_one_leaves_no_room_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_outlives_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
