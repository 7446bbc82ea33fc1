/* TLS to Redis. hiredis' own contexts check the chain of a certificate but not whose it is, so the
 * OpenSSL objects are made here: the certificate must name the host that we wanted. */
#include "storage/redis_hiredis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis_ssl.h>
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

bool redis_tls_start(struct redis_tls *tls, redisContext *context,
                     const struct redis_options *options, const char **ret_why)
{
    SSL *ssl = SSL_new(tls->context);
    *ret_why = "TLS: out of memory";
    if (ssl == NULL)
        return false;
    SSL_free(tls->last);
    tls->last = ssl;
    if (!expect_host(ssl, options->host))
        return false;
    SSL_up_ref(ssl); /* the context's, when it takes it */
    if (redisInitiateSSL(context, ssl) == REDIS_OK)
        return true;
    /* A blocking handshake that still wants something has met the socket's time-out. */
    int error = SSL_want(ssl) != SSL_NOTHING ? EAGAIN : 0;
    SSL_free(ssl);
    errno = error;
    *ret_why = redis_tls_reason(tls, context->err != 0 ? context->errstr : "TLS: no handshake");
    return false;
}
