/* rest.c - requests to the management API by libcurl's multi interface, blocking. */
#include "rest.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "berth/json.h"

#define AT_ONCE 64
#define LIMIT_MS 60000L
#define DEPTH 16

static size_t take_text(char *bytes, size_t one, size_t count, void *context)
{
    struct rest_call *call = context;
    size_t size = one * count;

    call->text = berth_realloc(call->text, call->size + size + 1);
    memcpy(call->text + call->size, bytes, size);
    call->size += size;
    call->text[call->size] = '\0';
    return size;
}

static void set_up(CURL *curl, const char *socket, struct rest_call *call,
                   struct curl_slist *headers)
{
    char url[256];

    (void)snprintf(url, sizeof(url), "http://berth%s", call->path);
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_text);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, LIMIT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (call->body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

static int judge(const struct rest_call *call, CURLcode code, struct berth_error *reterr)
{
    if (code != CURLE_OK)
        return berth_fail(reterr, BERTH_E_IO, "%s %s: %s", call->method, call->path,
                          curl_easy_strerror(code));
    if (call->status < 200 || call->status > 299)
        return berth_fail(reterr, BERTH_E_HOST, "%s %s: %ld %.180s", call->method, call->path,
                          call->status, call->text ? call->text : "");
    return 0;
}

/* A request is over; the first failure is kept. */
static void collect(CURLM *multi, const CURLMsg *message, int *r, struct berth_error *reterr)
{
    struct rest_call *call = NULL;
    struct berth_error error = { 0 };
    CURL *curl = message->easy_handle;
    int judged;

    (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &call);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
    judged = judge(call, message->data.result, &error);
    if (judged < 0 && *r == 0) {
        *r = judged;
        *reterr = error;
    }
    free(berth_take(call->body));
    (void)curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
}

int rest_all(const char *socket, struct rest_call *calls, size_t count, struct berth_error *reterr)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURLM *multi = curl_multi_init();
    struct berth_error error = { 0 };
    size_t begun = 0;
    int running = 0;
    int left = 0;
    int r = 0;

    if (!multi || !headers)
        berth_out_of_memory();
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)AT_ONCE);
    do {
        CURLMsg *message;

        for (; begun < count && running < AT_ONCE; running++) {
            CURL *curl = curl_easy_init();

            if (!curl)
                berth_out_of_memory();
            set_up(curl, socket, &calls[begun++], headers);
            (void)curl_multi_add_handle(multi, curl);
        }
        (void)curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left)) != NULL)
            collect(multi, message, &r, &error);
        if (running > 0)
            (void)curl_multi_poll(multi, NULL, 0, 100, NULL);
    } while (running > 0 || begun < count);
    (void)curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    if (r < 0 && reterr)
        *reterr = error;
    return r;
}

int rest_one(const char *socket, const char *method, const char *path, json_t *body,
             json_t **ret_json, struct berth_error *reterr)
{
    struct rest_call call = { .method = method, .body = body ? json_text(body) : NULL };
    json_t *json = NULL;
    int r;

    json_decref(body);
    (void)snprintf(call.path, sizeof(call.path), "%s", path);
    r = rest_all(socket, &call, 1, reterr);
    if (r == 0 && ret_json) {
        json = json_parse(call.text ? call.text : "", call.size, DEPTH, reterr);
        r = json ? 0 : BERTH_E_PROTOCOL;
        *ret_json = json;
    }
    free(call.text);
    return r;
}

int rest_text(const char *socket, const char *path, char **ret_text, struct berth_error *reterr)
{
    struct rest_call call = { .method = "GET" };
    int r;

    (void)snprintf(call.path, sizeof(call.path), "%s", path);
    r = rest_all(socket, &call, 1, reterr);
    *ret_text = call.text ? call.text : berth_strdup("");
    return r;
}
