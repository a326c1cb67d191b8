#include "redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	const char *peer;
	bool own_certificate;
	bool open; /* the handshake is done and nothing fatal has happened since */
};

static const char *
queue_text(void)
{
	const char *s = ERR_reason_error_string(ERR_peek_last_error());

	return s != NULL ? s : "unknown error";
}

/* A key with a passphrase is refused: nobody is there to type it. */
static int
no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

static int
load_files(struct tls *t, const struct transport_options *o, struct error *e)
{
	const char *key = o->tls_key_file[0] != '\0' ? o->tls_key_file : o->tls_cert_file;

	if (o->tls_ca_file[0] == '\0') {
		if (SSL_CTX_set_default_verify_paths(t->context) != 1)
			return error_set(e, EX_CONFIG, "the system's CA certificates: %s",
			    queue_text());
	} else if (SSL_CTX_load_verify_locations(t->context, o->tls_ca_file, NULL) != 1) {
		return error_set(e, EX_CONFIG, "tls_ca_file %s: %s", o->tls_ca_file,
		    queue_text());
	}
	if (o->tls_cert_file[0] == '\0')
		return 0;
	if (SSL_CTX_use_certificate_chain_file(t->context, o->tls_cert_file) != 1)
		return error_set(e, EX_CONFIG, "tls_cert_file %s: %s", o->tls_cert_file,
		    queue_text());
	if (SSL_CTX_use_PrivateKey_file(t->context, key, SSL_FILETYPE_PEM) != 1)
		return error_set(e, EX_CONFIG, "tls_key_file %s: %s", key, queue_text());
	if (SSL_CTX_check_private_key(t->context) != 1)
		return error_set(e, EX_CONFIG, "tls_key_file %s is not the key of %s", key,
		    o->tls_cert_file);
	t->own_certificate = true;
	return 0;
}

static int
set_name(SSL *ssl, const struct transport_options *o, struct error *e)
{
	const char *name = o->tls_server_name[0] != '\0' ? o->tls_server_name : o->host;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned char address[16];

	if (name[0] == '\0')
		return error_set(e, EX_CONFIG,
		    "TLS over a unix socket needs tls_server_name to verify the server");
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
		if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
			return 0;
	} else if (SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1) {
		return 0;
	}
	return error_set(e, EX_CONFIG, "tls_server_name %s: %s", name, queue_text());
}

/* An alert by which the server may mean that it wants a client certificate. */
static bool
wants_certificate(int reason)
{
	return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
	    reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
	    reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE;
}

/* What OpenSSL's error queue says, as an error. */
static int
fail_by_queue(const struct tls *t, struct error *e)
{
	unsigned long code = ERR_peek_error();
	long verify = SSL_get_verify_result(t->ssl);
	int reason = ERR_GET_REASON(code);

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK)
		return error_set(e, EX_NOPERM, "%s: its TLS certificate is refused: %s", t->peer,
		    X509_verify_cert_error_string(verify));
	if (!t->open && (reason == SSL_R_WRONG_VERSION_NUMBER ||
	    reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_BAD_RECORD_TYPE))
		return error_set(e, EX_PROTOCOL,
		    "%s: no TLS there: the server answers in plain text", t->peer);
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return error_set(e, EX_UNAVAILABLE, "%s: the server closed the connection%s",
		    t->peer, t->open ? "" : " in the TLS handshake");
#endif
	if (wants_certificate(reason) && !t->own_certificate)
		return error_set(e, EX_NOPERM,
		    "%s: the server refused TLS, it demands a client certificate (tls_cert_file): %s",
		    t->peer, ERR_reason_error_string(code));
	/* Alerts that the server sent are 1000 and up. */
	if (reason >= SSL_AD_REASON_OFFSET || reason == SSL_R_UNSUPPORTED_PROTOCOL)
		return error_set(e, EX_NOPERM, "%s: the server refused TLS: %s", t->peer,
		    ERR_reason_error_string(code));
	return error_set(e, EX_PROTOCOL, "%s: TLS: %s", t->peer, queue_text());
}

/* After a call that returned ${r}: 0 and *want if it would block, else -1 with ${e}. */
static int
blocked_or_failed(struct tls *t, int r, int saved_errno, short *want, struct error *e)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		*want = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*want = POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		error_set(e, EX_UNAVAILABLE, "%s: the server closed the connection", t->peer);
		break;
	case SSL_ERROR_SYSCALL:
		error_set(e, EX_UNAVAILABLE, "%s: %s%s", t->peer,
		    saved_errno == 0 ? "the server closed the connection" : strerror(saved_errno),
		    t->open ? "" : " in the TLS handshake");
		break;
	default:
		fail_by_queue(t, e);
		break;
	}
	t->open = false;
	return -1;
}

static int
shake_hands(struct tls *t, int fd, int64_t deadline, bool *silent, struct error *e)
{
	struct pollfd p = { .fd = fd };
	int64_t left;
	int r, saved;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(t->ssl);
		saved = errno;
		if (r == 1)
			break;
		if (blocked_or_failed(t, r, saved, &p.events, e) == -1)
			return -1;
		left = deadline - clock_mono_ms();
		if (left <= 0 || (r = poll(&p, 1, (int)left)) == 0) {
			*silent = BIO_number_read(SSL_get_rbio(t->ssl)) == 0;
			return error_set(e, EX_UNAVAILABLE,
			    "%s: timed out in the TLS handshake (is this a TLS port?)", t->peer);
		}
		if (r == -1)
			return errno == EINTR ?
			    error_set(e, EX_TEMPFAIL, "%s: interrupted while connecting", t->peer) :
			    error_set(e, EX_UNAVAILABLE, "%s: poll: %s", t->peer, strerror(errno));
	}
	t->open = true;
	return 0;
}

struct tls *
tls_open(int fd, const struct transport_options *o, const char *peer, int64_t deadline,
    bool *silent, struct error *e)
{
	struct tls *t;

	*silent = false;
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_set(e, EX_SOFTWARE, "no memory");
		return NULL;
	}
	t->peer = peer;
	ERR_clear_error();
	if ((t->context = SSL_CTX_new(TLS_client_method())) == NULL ||
	    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1) {
		error_set(e, EX_SOFTWARE, "TLS cannot be set up: %s", queue_text());
		goto err0;
	}
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_passwd_cb(t->context, no_passphrase);
	SSL_CTX_set_options(t->context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	if (load_files(t, o, e) == -1)
		goto err0;
	if ((t->ssl = SSL_new(t->context)) == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		error_set(e, EX_SOFTWARE, "TLS cannot be set up: %s", queue_text());
		goto err0;
	}
	if (set_name(t->ssl, o, e) == -1 || shake_hands(t, fd, deadline, silent, e) == -1)
		goto err0;
	return t;
err0:
	ERR_clear_error();
	tls_close(t);
	return NULL;
}

void
tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->open) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
	}
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

ssize_t
tls_read(struct tls *t, void *p, size_t n, short *want, struct error *e)
{
	size_t moved;
	int r, saved;

	ERR_clear_error();
	errno = 0;
	if ((r = SSL_read_ex(t->ssl, p, n, &moved)) == 1)
		return (ssize_t)moved;
	saved = errno;
	return blocked_or_failed(t, r, saved, want, e);
}

ssize_t
tls_write(struct tls *t, const void *p, size_t n, short *want, struct error *e)
{
	size_t moved;
	int r, saved;

	ERR_clear_error();
	errno = 0;
	if ((r = SSL_write_ex(t->ssl, p, n, &moved)) == 1)
		return (ssize_t)moved;
	saved = errno;
	return blocked_or_failed(t, r, saved, want, e);
}

bool
tls_has_more(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}
