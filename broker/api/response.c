/* response.c - pass an answer to the library, with its headers. */
#include <stdio.h>
#include <unistd.h>

#include "api_internal.h"

/* No answer is a web page: no scripts, frames, type sniffing or caching. */
static const char *const security[][2] = {
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cache-Control", "no-store" },
};

struct sent_text {
    char *text;
    size_t size;
};

/* An answer may contain a token: wipe it. */
static void text_sent(void *context)
{
    struct sent_text *sent = (struct sent_text *)context;

    berth_wipe_free(sent->text, sent->size);
    free(sent);
}

/* The library sends the file as the client reads it (sendfile), and closes it. */
static struct MHD_Response *response_of_file(struct answer *answer)
{
    int descriptor = answer->file;
    struct MHD_Response *response = MHD_create_response_from_fd64(answer->file_size, descriptor);

    answer->file = 0;
    if (!response)
        (void)close(descriptor);
    return response;
}

static struct MHD_Response *response_of(struct answer *answer)
{
    struct sent_text *sent = berth_new(struct sent_text);
    struct MHD_Response *response;

    *sent = (struct sent_text){ .text = answer->text, .size = answer->size };
    response = MHD_create_response_from_buffer_with_free_callback_cls(sent->size, sent->text,
                                                                      text_sent, sent);
    if (!response) {
        free(sent);
        return NULL;
    }
    answer->text = NULL;
    answer->size = 0;
    return response;
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    if (value[0])
        (void)MHD_add_response_header(response, name, value);
}

static void add_allowed(struct MHD_Response *response, unsigned allowed)
{
    char text[64] = "";
    size_t length = 0;

    for (int i = 0; verb_method_names[i]; i++)
        if (allowed & (1u << i))
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
                                       length ? ", " : "", verb_method_names[i]);
    add(response, MHD_HTTP_HEADER_ALLOW, text);
}

static void add_headers(const struct request *request, struct MHD_Response *response)
{
    const struct answer *answer = &request->answer;

    for (size_t i = 0; i < BERTH_COUNT(security); i++)
        add(response, security[i][0], security[i][1]);
    add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    add(response, MHD_HTTP_HEADER_ETAG, answer->etag);
    add(response, MHD_HTTP_HEADER_LOCATION, answer->location);
    if (request->client && !request->client->local)
        add(response, "Strict-Transport-Security", "max-age=31536000");
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"berth\"");
    if (answer->close)
        add(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add_allowed(response, answer->allowed);
    if (answer->status == MHD_HTTP_TOO_MANY_REQUESTS ||
        answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        add(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
}

enum MHD_Result response_queue(struct request *request)
{
    struct answer *answer = &request->answer;
    struct MHD_Response *response;
    enum MHD_Result r;

    if (answer->stream)
        response = events_response(answer->stream);
    else
        response = answer->file ? response_of_file(answer) : response_of(answer);
    if (!response)
        return MHD_NO;
    add_headers(request, response);
    request->api->answered[answer->status / 100 < 6 ? answer->status / 100 : 0]++;
    r = MHD_queue_response(request->connection, answer->status, response);
    MHD_destroy_response(response);
    return r;
}
