/* How to reach a Redis, from a URL: RFC 3986 in the forms that Redis clients agree on. The work is
 * done on a copy, so that a URL that turns out to be wrong changes nothing. */
#include "proctrack/redis_client.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SENTINEL_PORT 26379

void redis_options_defaults(struct redis_options *ret_options)
{
    memset(ret_options, 0, sizeof(*ret_options));
    strcpy(ret_options->host, "127.0.0.1");
    ret_options->port = 6379;
    ret_options->connect_timeout_ms = 2000;
    ret_options->command_timeout_ms = 500;
    strcpy(ret_options->client_name, "proctrackd");
}

/* Percent-decodes into a text that ends with a zero. NULL, or why it cannot. */
static const char *decode(struct span text, char *ret_text, size_t size, const char *too_long)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.data[i];
        if (c == '%') {
            int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return "a % in the URL must be followed by two hexadecimal digits";
            c = high * 16 + low;
            i += 2;
        }
        if (c == '\0')
            return "the URL must not hold a zero byte";
        if (len + 1 >= size)
            return too_long;
        ret_text[len++] = (char)c;
    }
    ret_text[len] = '\0';
    return NULL;
}

static const char *parse_username(struct redis_options *options, struct span text)
{
    return decode(text, options->username, sizeof(options->username),
                  "the user name in the URL is longer than 255 bytes");
}

static const char *parse_password(struct redis_options *options, struct span text)
{
    return decode(text, options->password, sizeof(options->password),
                  "the password in the URL is longer than 1023 bytes");
}

static const char *parse_database(struct redis_options *options, struct span text)
{
    int64_t database;
    if (!span_to_int(text, 0, INT_MAX, &database))
        return "the database in the URL must be a number from 0 on";
    options->database = (int)database;
    return NULL;
}

static const char *parse_userinfo(struct redis_options *options, struct span userinfo)
{
    struct span name;
    span_split(&userinfo, ':', &name);
    const char *why = parse_username(options, name);
    if (why == NULL && userinfo.data != NULL)
        why = parse_password(options, userinfo);
    return why;
}

static bool is_host_name(const char *host)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return host[strspn(host, allowed)] == '\0';
}

static const char *parse_ipv6(struct redis_address *place, struct span *host_port)
{
    static const char wrong[] = "the address in brackets in the URL is no IPv6 address";
    struct span address = {host_port->data + 1, 0};
    struct in6_addr ignored;
    const char *end = memchr(host_port->data, ']', host_port->len);
    if (end == NULL)
        return wrong;
    address.len = (size_t)(end - address.data);
    *host_port = (struct span){end + 1, (size_t)(host_port->data + host_port->len - (end + 1))};
    if (!text_copy(place->host, sizeof(place->host), address) ||
        inet_pton(AF_INET6, place->host, &ignored) != 1)
        return wrong;
    return NULL;
}

static const char *parse_name(struct redis_address *place, struct span *host_port)
{
    const char *colon = memchr(host_port->data, ':', host_port->len);
    size_t len = colon != NULL ? (size_t)(colon - host_port->data) : host_port->len;
    struct span name = {host_port->data, len};
    *host_port = (struct span){host_port->data + len, host_port->len - len};
    if (len == 0)
        return NULL; /* as clients do: the host that is the default */
    const char *why = decode(name, place->host, sizeof(place->host),
                             "the host in the URL is longer than 255 bytes");
    if (why == NULL && !is_host_name(place->host))
        why = "the host in the URL must be a name, an IPv4 address, or an IPv6 address in brackets";
    return why;
}

static const char *parse_host_port(struct redis_address *place, struct span host_port)
{
    bool bracket = host_port.len > 0 && host_port.data[0] == '[';
    const char *why = bracket ? parse_ipv6(place, &host_port) : parse_name(place, &host_port);
    if (why != NULL || host_port.len == 0)
        return why;
    int64_t port;
    struct span digits = {host_port.data + 1, host_port.len - 1};
    if (host_port.data[0] != ':' || !span_to_int(digits, 1, 65535, &port))
        return "the port in the URL must be a number from 1 to 65535";
    place->port = (int)port;
    return NULL;
}

static const char *parse_query(struct redis_options *options, struct span query)
{
    struct span value, name;
    const char *why = NULL;
    while (why == NULL && span_split(&query, '&', &value)) {
        span_split(&value, '=', &name);
        if (value.data == NULL)
            why = "a parameter in the URL lacks its value";
        else if (span_is(name, "db"))
            why = parse_database(options, value);
        else if (span_is(name, "username"))
            why = parse_username(options, value);
        else if (span_is(name, "password"))
            why = parse_password(options, value);
        else if (options->sentinel_count > 0 && span_is(name, "sentinel_username"))
            why = decode(value, options->sentinel_username, sizeof(options->sentinel_username),
                         "the sentinels' user name in the URL is longer than 255 bytes");
        else if (options->sentinel_count > 0 && span_is(name, "sentinel_password"))
            why = decode(value, options->sentinel_password, sizeof(options->sentinel_password),
                         "the sentinels' password in the URL is longer than 1023 bytes");
        else
            why = options->sentinel_count > 0
                      ? "the URL may have the parameters db, username, password, "
                        "sentinel_username and sentinel_password only"
                      : "the URL may have the parameters db, username and password only";
    }
    return why;
}

/* Cuts `[userinfo@]` off the front. A password may hold an @ that was not encoded: the last counts.
 */
static const char *take_userinfo(struct redis_options *options, struct span *authority)
{
    const char *at = memrchr(authority->data, '@', authority->len);
    if (at == NULL)
        return NULL;
    struct span userinfo = {authority->data, (size_t)(at - authority->data)};
    *authority = (struct span){at + 1, authority->len - userinfo.len - 1};
    return parse_userinfo(options, userinfo);
}

static const char *parse_tcp(struct redis_options *options, struct span authority, struct span path)
{
    struct redis_address place = {"127.0.0.1", options->port};
    if (options->host[0] != '\0')
        memcpy(place.host, options->host, sizeof(place.host));
    const char *why = take_userinfo(options, &authority);
    if (why == NULL)
        why = parse_host_port(&place, authority);
    memcpy(options->host, place.host, sizeof(place.host));
    options->port = place.port;
    if (why == NULL && path.len > 1) /* more than the slash */
        why = parse_database(options, (struct span){path.data + 1, path.len - 1});
    return why;
}

static const char *parse_sentinels(struct redis_options *options, struct span list)
{
    struct span one;
    while (span_split(&list, ',', &one)) {
        struct redis_address place = {"", SENTINEL_PORT};
        if (options->sentinel_count == REDIS_SENTINELS_MAX)
            return "the URL names more than 8 sentinels";
        const char *why = parse_host_port(&place, one);
        if (why != NULL)
            return why;
        if (place.host[0] == '\0')
            return "the URL must name the sentinels: redis+sentinel://host1,host2,host3/service";
        options->sentinels[options->sentinel_count++] = place;
    }
    return NULL;
}

static const char *parse_sentinel(struct redis_options *options, struct span authority,
                                  struct span path)
{
    options->host[0] = '\0';
    const char *why = take_userinfo(options, &authority);
    if (why == NULL)
        why = parse_sentinels(options, authority);
    if (why != NULL)
        return why;
    struct span rest = {path.data + 1, path.len > 0 ? path.len - 1 : 0};
    struct span service;
    if (rest.len == 0 || !span_split(&rest, '/', &service) || service.len == 0)
        return "a redis+sentinel:// URL must name the service after the sentinels, as "
               "redis+sentinel://host1,host2/mymaster";
    why = decode(service, options->service, sizeof(options->service),
                 "the service in the URL is longer than 127 bytes");
    if (why == NULL && rest.len > 0)
        why = parse_database(options, rest);
    return why;
}

static const char *parse_unix(struct redis_options *options, struct span authority,
                              struct span path)
{
    options->host[0] = '\0';
    const char *why = take_userinfo(options, &authority);
    if (why != NULL)
        return why;
    if (authority.len > 0 || path.len < 2)
        return "a unix:// URL must hold an absolute path, as unix:///run/redis.sock";
    return decode(path, options->unix_path, sizeof(options->unix_path),
                  "the path in the URL is longer than 107 bytes, which is what sockets allow");
}

static size_t length_before(struct span text, const char *separators)
{
    size_t len = 0;
    while (len < text.len && strchr(separators, text.data[len]) == NULL)
        len++;
    return len;
}

typedef const char *parse_target(struct redis_options *options, struct span authority,
                                 struct span path);

static const char *parse_after_scheme(struct redis_options *options, struct span rest,
                                      parse_target *parse)
{
    if (length_before(rest, "#") < rest.len)
        return "the URL must not have a fragment (encode # as %23)";
    size_t query_at = length_before(rest, "?");
    struct span query = SPAN_NONE;
    if (query_at < rest.len)
        query = (struct span){rest.data + query_at + 1, rest.len - query_at - 1};
    struct span authority = {rest.data, query_at};
    authority.len = length_before(authority, "/");
    struct span path = {rest.data + authority.len, query_at - authority.len};
    options->unix_path[0] = '\0';
    options->sentinel_count = 0;
    const char *why = parse(options, authority, path);
    return why != NULL || query.len == 0 ? why : parse_query(options, query);
}

bool redis_options_parse_url(struct redis_options *options, const char *url, const char **ret_why)
{
    static const struct {
        const char *prefix;
        bool tls;
        parse_target *parse;
    } schemes[] = {{"redis://", false, parse_tcp},
                   {"rediss://", true, parse_tcp},
                   {"redis+sentinel://", false, parse_sentinel},
                   {"unix://", false, parse_unix}};
    struct redis_options copy = *options;
    struct span text = span_of(url);
    const char *why = "the URL must begin with redis://, rediss://, redis+sentinel:// or unix://";
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (text.len < len || !span_is_nocase((struct span){url, len}, schemes[i].prefix))
            continue;
        copy.tls = schemes[i].tls;
        why = parse_after_scheme(&copy, (struct span){url + len, text.len - len}, schemes[i].parse);
        break;
    }
    if (why != NULL) {
        *ret_why = why;
        return false;
    }
    *options = copy;
    return true;
}

void redis_address_describe(const struct redis_address *place, char *ret_text, size_t size)
{
    bool ipv6 = strchr(place->host, ':') != NULL;
    snprintf(ret_text, size, ipv6 ? "[%s]:%d" : "%s:%d", place->host, place->port);
}

static void describe_sentinels(const struct redis_options *options, char *ret_text, size_t size)
{
    size_t len = 0;
    for (int i = 0; i < options->sentinel_count && len < size; i++) {
        if (i > 0)
            len += (size_t)snprintf(ret_text + len, size - len, ",");
        if (len < size)
            redis_address_describe(&options->sentinels[i], ret_text + len, size - len);
        len += len < size ? strlen(ret_text + len) : 0;
    }
    if (len < size)
        snprintf(ret_text + len, size - len, "/%s", options->service);
}

void redis_options_describe(const struct redis_options *options, char *ret_text, size_t size)
{
    struct redis_address place = {"", options->port};
    memcpy(place.host, options->host, sizeof(place.host));
    if (options->sentinel_count > 0)
        describe_sentinels(options, ret_text, size);
    else if (options->unix_path[0] != '\0')
        snprintf(ret_text, size, "%s", options->unix_path);
    else
        redis_address_describe(&place, ret_text, size);
}
