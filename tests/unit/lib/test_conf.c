/* test_conf.c - configuration files; errors are compared as whole sentences, because administrators
 * read them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/conf.h"

#include "test.h"

struct options {
    bool quiet;
    int64_t threads;
    int64_t wait_s;
    char name[CONF_TEXT_MAX];
    char names[CONF_TEXT_MAX], listen[CONF_TEXT_MAX], brokers[CONF_TEXT_MAX];
    char data[CONF_TEXT_MAX], history[CONF_TEXT_MAX], format[CONF_TEXT_MAX];
};

static const struct conf_option table[] = {
    { "link", "threads", CONF_INT, offsetof(struct options, threads), "2", 0, 64, "", false,
      "I/O threads" },
    { "link", "wait_s", CONF_INT, offsetof(struct options, wait_s), "10", 1, 600, "s", true,
      "patience" },
    { "log", "quiet", CONF_BOOL, offsetof(struct options, quiet), "no", 0, 0, "", true,
      "say less" },
    { "log", "name", CONF_TEXT, offsetof(struct options, name), "berth", 0, 0, "", false,
      "who speaks" },
    { "net", "names", CONF_NAMES, offsetof(struct options, names), "localhost", 0, 0, "", false,
      "names" },
    { "net", "listen", CONF_LISTEN, offsetof(struct options, listen), "", 0, 0, "", false,
      "where" },
    { "net", "brokers", CONF_ENDPOINTS, offsetof(struct options, brokers), "", 0, 0, "", false,
      "whom" },
    { "file", "data", CONF_PATH, offsetof(struct options, data), "/data", 1, 0, "", false,
      "folder" },
    { "file", "history", CONF_PATH, offsetof(struct options, history), "", 0, 0, "", false,
      "file" },
    { "file", "format", CONF_CHOICE, offsetof(struct options, format), "text", 0, 0, "text json",
      false, "how" },
};

static char folder[] = "/tmp/conf-test-XXXXXX";
static char file[128];

static void write_file(const char *path, const char *text)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    (void)fputs(text, stream);
    (void)fclose(stream);
}

static void begin(const char *text)
{
    (void)strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/b.conf", folder);
    write_file(file, text);
}

static void finish(void)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "%s.d/10.conf", file);
    (void)unlink(command);
    (void)snprintf(command, sizeof(command), "%s.d/20.conf", file);
    (void)unlink(command);
    (void)snprintf(command, sizeof(command), "%s.d/README", file);
    (void)unlink(command);
    (void)snprintf(command, sizeof(command), "%s.d", file);
    (void)rmdir(command);
    (void)unlink(file);
    EXPECT_OK(rmdir(folder));
}

static void expect_sentence(const char *text, const char *wanted)
{
    struct options options;
    struct berth_error error = { 0 };
    char whole[BERTH_ERROR_TEXT];

    begin(text);
    EXPECT_ERR(conf_read(table, BERTH_COUNT(table), file, false, &options, &error), BERTH_E_CONFIG);
    (void)snprintf(whole, sizeof(whole), "%s %s", file, wanted);
    EXPECT_STR(error.text, whole);
    finish();
}

TEST(conf, defaults_then_file_then_folder)
{
    struct options options;
    char path[160];

    begin(
        "# a comment\n[link]\nthreads = 4\n\n[log]\nquiet = Yes ; really\nname = Ward \303\2267\n");
    (void)snprintf(path, sizeof(path), "%s.d", file);
    EXPECT_OK(mkdir(path, 0700));
    (void)snprintf(path, sizeof(path), "%s.d/20.conf", file);
    write_file(path, "[link]\nthreads = 20\n");
    (void)snprintf(path, sizeof(path), "%s.d/10.conf", file);
    write_file(path, "[link]\nthreads = 10\nwait_s = 11");
    (void)snprintf(path, sizeof(path), "%s.d/README", file);
    write_file(path, "not read\n");
    EXPECT_OK(conf_read(table, BERTH_COUNT(table), file, false, &options, NULL));
    EXPECT_INT(options.threads, 20);
    EXPECT_INT(options.wait_s, 11);
    EXPECT(options.quiet);
    EXPECT_STR(options.name, "Ward \303\2267");
    finish();
}

TEST(conf, a_missing_file_is_an_error_unless_optional)
{
    struct options options;
    struct berth_error error = { 0 };

    EXPECT_ERR(conf_read(table, BERTH_COUNT(table), "nowhere.conf", false, &options, &error),
               BERTH_E_CONFIG);
    EXPECT_STR(error.text, "nowhere.conf: No such file or directory");
    EXPECT_OK(conf_read(table, BERTH_COUNT(table), "nowhere.conf", true, &options, NULL));
    EXPECT_INT(options.threads, 2);
    EXPECT_STR(options.name, "berth");
    EXPECT_OK(conf_read(table, BERTH_COUNT(table), NULL, false, &options, NULL));
}

TEST(conf, a_number_out_of_range_says_the_range)
{
    expect_sentence("[link]\n\nthreads = 65\n",
                    "line 3: link.threads is '65', but must be a whole number from 0 to 64");
    expect_sentence("[link]\nwait_s = 0\n",
                    "line 2: link.wait_s is '0', but must be a whole number from 1 to 600 s");
}

TEST(conf, words_and_fractions_are_no_numbers)
{
    expect_sentence("[link]\nthreads = many\n",
                    "line 2: link.threads is 'many', but must be a whole number from 0 to 64");
    expect_sentence("[link]\nthreads = 1.5\n",
                    "line 2: link.threads is '1.5', but must be a whole number from 0 to 64");
    expect_sentence("[link]\nthreads =\n",
                    "line 2: link.threads is '', but must be a whole number from 0 to 64");
    expect_sentence(
        "[link]\nthreads = 99999999999999999999\n",
        "line 2: link.threads is '99999999999999999999', but must be a whole number from 0 to 64");
}

TEST(conf, yes_or_no)
{
    expect_sentence("[log]\nquiet = maybe\n",
                    "line 2: log.quiet is 'maybe', but must be yes or no");
}

/* ---- texts of a kind ---- */

static int set_text(const char *name, const char *value, struct berth_error *error)
{
    struct options options;

    EXPECT_OK(conf_read(table, BERTH_COUNT(table), NULL, false, &options, NULL));
    *error = (struct berth_error){ 0 };
    return conf_set(table, BERTH_COUNT(table), name, value, &options, error);
}

static void takes(const char *name, const char *value)
{
    struct berth_error error;

    if (set_text(name, value, &error) < 0)
        fail_msg("%s refuses '%s': %s", name, value, error.text);
}

static void refuses(const char *name, const char *value, const char *words)
{
    struct berth_error error;

    if (set_text(name, value, &error) != BERTH_E_CONFIG)
        fail_msg("%s takes '%s'", name, value);
    EXPECT_SAYS(error.text, name);
    EXPECT_SAYS(error.text, words);
}

TEST(conf, names_are_host_names_and_addresses)
{
    char label[65], long_name[256];

    takes("net.names", "");
    takes("net.names", "localhost 127.0.0.1 ::1  broker.example b-1.ward_3.example 2001:db8::7");
    refuses("net.names", "good.example broker.example:7443", "'broker.example:7443' is neither");
    refuses("net.names", "https://broker.example", "without port, brackets or URL");
    refuses("net.names", "[::1]", "'[::1]' is neither");
    refuses("net.names", "10.0.0.256", "'10.0.0.256' is neither");
    refuses("net.names", "10.0.0", "'10.0.0' is neither");
    refuses("net.names", "a..b", "'a..b' is neither");
    refuses("net.names", "broker.example.", "'broker.example.' is neither");
    refuses("net.names", ".broker", "'.broker' is neither");
    refuses("net.names", "-a.example", "'-a.example' is neither");
    refuses("net.names", "a-", "'a-' is neither");
    refuses("net.names", "a.example,b.example", "separated by spaces");
    refuses("net.names", "*.example", "'*.example' is neither");
    refuses("net.names", "\"broker\"", "'\"broker\"' is neither");
    refuses("net.names", "br\303\266ker", "is neither");
    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    takes("net.names", label);
    memset(label, 'a', sizeof(label));
    label[64] = '\0';
    refuses("net.names", label, "is neither");
    memset(long_name, 'a', sizeof(long_name));
    for (size_t i = 50; i < sizeof(long_name); i += 50)
        long_name[i] = '.';
    long_name[253] = '\0';
    takes("net.names", long_name);
    long_name[253] = 'a';
    long_name[254] = '\0';
    refuses("net.names", long_name, "is neither");
    expect_sentence(
        "[net]\nnames = broker:7443\n",
        "line 2: net.names: 'broker:7443' is neither a host name nor a numeric address; "
        "several are separated by spaces, without port, brackets or URL");
}

TEST(conf, where_to_listen_is_a_numeric_address_and_a_port)
{
    static const char *const bad[] = { "7443",        ":7443",       "localhost:7443",  "127.0.0.1",
                                       "127.0.0.1:",  "127.0.0.1:x", "127.0.0.1:65536", "::1:7443",
                                       "[::1]",       "[::1:7443",   "[127.0.0.1]:1",   "]:1",
                                       "127.0.0.1:-1" };

    takes("net.listen", "");
    takes("net.listen", "0.0.0.0:7443");
    takes("net.listen", "[::]:0");
    for (size_t i = 0; i < BERTH_COUNT(bad); i++)
        refuses("net.listen", bad[i], "must be a numeric address and a port");
}

TEST(conf, whom_to_reach_is_a_host_with_or_without_a_port)
{
    static const char *const bad[] = {
        "http://x:1", "broker:0",   "broker:99999", "broker:",     ":7443",
        "[::1",       "[::1]x",     "[::1]:",       "[::1%]:7",    ".",
        "[]",         "[broker]:1", "a b..c",       "broker:7443x"
    };

    takes("net.brokers", "");
    takes("net.brokers", "broker:7443 10.0.0.5,[::1]:7443, [::1] ::1 broker.example");
    takes("net.brokers", "broker.example.:7443 [fe80::1%eth0]:7443 fe80::1%eth0");
    takes("net.listen", "[fe80::1%eth0]:7443");
    for (size_t i = 0; i < BERTH_COUNT(bad); i++)
        refuses("net.brokers", bad[i], "is neither HOST nor HOST:PORT");
}

TEST(conf, paths_are_absolute_and_words_are_known)
{
    takes("file.data", "/srv/berth");
    refuses("file.data", "", "must be an absolute path");
    refuses("file.data", "data", "must be an absolute path");
    refuses("file.data", "~/data", "must be an absolute path");
    takes("file.history", "");
    refuses("file.history", "./h", "must be an absolute path");
    takes("file.format", "json");
    refuses("file.format", "xml", "must be one of: text json");
    refuses("file.format", "tex", "must be one of: text json");
    refuses("file.format", "text json", "must be one of");
    refuses("file.format", "", "must be one of");
}

/* ---- names that are not there ---- */

TEST(conf, an_unknown_option_says_what_there_is)
{
    expect_sentence("[link]\nthread = 1\n",
                    "line 2: unknown option 'thread' in [link]; its options are: threads, wait_s");
}

TEST(conf, an_unknown_section_says_what_there_is)
{
    expect_sentence("[lnk]\nthreads = 1\n",
                    "line 2: unknown section [lnk]; the sections are: link, log, net, file");
    expect_sentence(
        "threads = 1\n",
        "line 1: 'threads' is before the first [section]; the sections are: link, log, net, file");
}

TEST(conf, a_line_that_is_nothing)
{
    expect_sentence("[link]\nthreads\n", "line 2: expected [section], key = value or # comment");
    expect_sentence("[link\nthreads = 1\n", "line 1: expected [section], key = value or # comment");
}

TEST(conf, the_first_fault_is_told)
{
    expect_sentence("[link]\nwrong\nthreads = 65\n",
                    "line 2: expected [section], key = value or # comment");
    expect_sentence("[link]\nthreads = 65\nwrong\n",
                    "line 2: link.threads is '65', but must be a whole number from 0 to 64");
}

TEST(conf, twice_is_a_fault)
{
    expect_sentence("[link]\nthreads = 1\nwait_s = 5\nthreads = 2\n",
                    "line 4: link.threads was given on line 2 already");
}

TEST(conf, a_line_without_end_is_refused)
{
    struct options options;
    struct berth_error error = { 0 };
    char text[4096] = "[log]\nname = ";

    memset(text + strlen(text), 'x', 3000);
    begin(text);
    EXPECT_ERR(conf_read(table, BERTH_COUNT(table), file, false, &options, &error), BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, "line 2: the line is longer than");
    finish();
}

TEST(conf, control_characters_do_not_enter)
{
    struct options options = { 0 };
    struct berth_error error = { 0 };

    EXPECT_ERR(conf_set(table, BERTH_COUNT(table), "log.name", "a\033[2Jb", &options, &error),
               BERTH_E_CONFIG);
    EXPECT_SAYS(error.text, "without control characters");
    EXPECT(!strchr(error.text, '\033'));
}

TEST(conf, one_option_by_name)
{
    struct options options = { 0 };
    struct berth_error error = { 0 };

    EXPECT_OK(conf_set(table, BERTH_COUNT(table), "link.threads", "3", &options, NULL));
    EXPECT_INT(options.threads, 3);
    EXPECT_ERR(conf_set(table, BERTH_COUNT(table), "threads", "3", &options, &error),
               BERTH_E_CONFIG);
    EXPECT_STR(error.text, "'threads' is not an option name; expected section.key");
    EXPECT_ERR(conf_set(table, BERTH_COUNT(table), "link.speed", "3", &options, &error),
               BERTH_E_CONFIG);
    EXPECT_STR(error.text, "unknown option 'speed' in [link]; its options are: threads, wait_s");
}

static int live_changes, later_changes;

static void note_change(const struct conf_option *option, bool reloadable)
{
    (void)option;
    if (reloadable)
        live_changes++;
    else
        later_changes++;
}

TEST(conf, a_reload_takes_what_is_live)
{
    struct options now = { .threads = 2, .wait_s = 10, .name = "berth" };
    struct options fresh = { .threads = 4, .wait_s = 20, .quiet = true, .name = "berth" };

    conf_reload(table, BERTH_COUNT(table), &now, &fresh, note_change);
    EXPECT_INT(now.threads, 2);
    EXPECT_INT(now.wait_s, 20);
    EXPECT(now.quiet);
    EXPECT_INT(live_changes, 2);
    EXPECT_INT(later_changes, 1);
}

static void print_to(const char *path, const struct conf_option *options, size_t count)
{
    int terminal, target;

    (void)fflush(stdout);
    terminal = dup(STDOUT_FILENO);
    target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT(terminal >= 0 && target >= 0 && dup2(target, STDOUT_FILENO) >= 0);
    conf_print(options, count, "berthd");
    (void)fflush(stdout);
    EXPECT(dup2(terminal, STDOUT_FILENO) >= 0);
    (void)close(terminal);
    (void)close(target);
}

TEST(conf, what_is_printed_can_be_read)
{
    struct conf_option options[BERTH_COUNT(table)];
    struct options read;
    char sentence[401] = "";
    char line[256];
    FILE *stream;

    while (strlen(sentence) + 8 < sizeof(sentence))
        (void)strcat(sentence, "meaning ");
    memcpy(options, table, sizeof(options));
    options[0].sentence = sentence;
    begin("");
    print_to(file, options, BERTH_COUNT(options));
    EXPECT_OK(conf_read(options, BERTH_COUNT(options), file, false, &read, NULL));
    EXPECT_INT(read.threads, 2);

    stream = fopen(file, "re");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        EXPECT(strlen(line) <= 101);
        EXPECT(strstr(line, "\n") && strchr("#[\n", line[0]));
    }
    (void)fclose(stream);
    finish();
}

TEST_MAIN()
