/* TLS to Redis. hiredis' own contexts check the chain of a certificate but not whose it is, so the
 * OpenSSL objects are made here: the certificate must name the host that we wanted. */
#include "storage/redis_hiredis.h"

#include "proctrack/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct redis_tls {
    SSL_CTX *context;
    SSL *last; /* of the newest connection, to ask why it failed */
};

bool redis_client_has_tls(void)
{
    return true;
}

static bool trust(SSL_CTX *context, const struct redis_options *options)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
        return false;
    if (options->tls_ca_file[0] != '\0')
        return SSL_CTX_load_verify_locations(context, options->tls_ca_file, NULL) == 1;
    return SSL_CTX_set_default_verify_paths(context) == 1;
}

struct redis_tls *redis_tls_create(const struct redis_options *options, const char **ret_why)
{
    struct redis_tls *tls = calloc(1, sizeof(*tls));
    *ret_why = "out of memory";
    if (tls == NULL)
        return NULL;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context != NULL && trust(tls->context, options))
        return tls;
    *ret_why = "the file with the trusted certificates cannot be read";
    redis_tls_destroy(tls);
    return NULL;
}

void redis_tls_destroy(struct redis_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->last);
    SSL_CTX_free(tls->context);
    free(tls);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* SNI carries names only (RFC 6066, section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    char name[sizeof(((struct redis_options *)0)->host)]; /* OpenSSL's parameter is not const */
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    memcpy(name, host, strlen(host) + 1);
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1 &&
           SSL_set1_host(ssl, host) == 1;
}

const char *redis_tls_reason(const struct redis_tls *tls, const char *otherwise)
{
    long result = tls != NULL && tls->last != NULL ? SSL_get_verify_result(tls->last) : X509_V_OK;
    return result != X509_V_OK ? X509_verify_cert_error_string(result) : otherwise;
}

/* A blocking read ends with EINTR now and then, even where no signal is handled: a socket with a
 * time-out is not read again by itself (signal(7)), and has the whole of it for each read. errno is
 * that of the last read. */
static bool shake_hands(SSL *ssl, int64_t deadline, const char **ret_why)
{
    bool finished = SSL_is_init_finished(ssl) == 1;
    while (!finished && errno == EINTR && clock_steady_ms() < deadline) {
        ERR_clear_error();
        errno = 0;
        finished = SSL_connect(ssl) == 1;
    }
    const int error = errno == EINTR ? EAGAIN : errno;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    *ret_why = reason != NULL ? reason : "TLS: the connection was closed";
    errno = error;
    return finished;
}

/* hiredis does not go on with a blocking handshake that was interrupted, so it only begins it. */
static bool begin(redisContext *context, SSL *ssl, int64_t deadline, const char **ret_why)
{
    int blocks = context->flags & REDIS_BLOCK;
    context->flags &= ~REDIS_BLOCK;
    SSL_up_ref(ssl); /* the context's, when it takes it */
    errno = 0;
    int result = redisInitiateSSL(context, ssl);
    context->flags |= blocks;
    if (result == REDIS_OK)
        return blocks == 0 || shake_hands(ssl, deadline, ret_why);
    SSL_free(ssl);
    *ret_why = context->err != 0 ? context->errstr : "TLS: no handshake";
    return false;
}

bool redis_tls_start(struct redis_tls *tls, redisContext *context,
                     const struct redis_options *options, const char **ret_why)
{
    const int64_t deadline = clock_steady_ms() + options->connect_timeout_ms;
    SSL *ssl = SSL_new(tls->context);
    *ret_why = "TLS: out of memory";
    if (ssl == NULL)
        return false;
    SSL_free(tls->last);
    tls->last = ssl;
    if (!expect_host(ssl, options->host))
        return false;
    if (begin(context, ssl, deadline, ret_why))
        return true;
    *ret_why = redis_tls_reason(tls, *ret_why);
    return false;
}
