#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "base/js.h"
#include "base/msg.h"
#include "scp/dcm.h"
#include "scp/dcm_send.h"
#include "src/child_main.h"
#include "src/conf.h"
#include "src/loop.h"
#include "src/protocol.h"
#include "src/receive.h"
#include "src/store.h"
#include "tests/unit/part10.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The node's end of reception with its real children: this program is also the receiver. */

enum { FILES_MAX = 32 };

struct fixture {
    char state_dir[64], conf_path[96];
    const char *child_arguments[3];
    struct conf *conf;
    struct loop *loop;
    struct store *store;
    struct receive *receive;
    int stored, duplicates;
    int64_t study_id;
    /* of the sender's thread */
    char paths[FILES_MAX][128];
    size_t count, ok;
    struct dcm_send_outcome last;
    int peers[3]; // connections that it leaves open
    /* of the last question to the index */
    char study_uid[FACTS_UID];
};

static void in_state(const struct fixture *f, const char *name, char ret[256])
{
    snprintf(ret, 256, "%s/%s", f->state_dir, name);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void stored(void *ctx, const struct store_added *added)
{
    struct fixture *f = ctx;
    f->stored++;
    f->duplicates += added->is_duplicate;
    f->study_id = added->study_id;
}

static void open_node(struct fixture *f)
{
    char index[256];
    struct err err = {0};
    const struct receive_hooks hooks = {stored, f};
    in_state(f, "index.db", index);
    assert_int_equal(loop_create(&f->loop, NULL), 0);
    assert_int_equal(store_open(index, f->loop, &f->store, NULL), 0);
    if (receive_create(f->loop, f->conf, f->store, f->child_arguments, &hooks,
                       &f->receive, &err)
        < 0)
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    static const char *const folders[] = {"storage", "spool", "sent"};
    struct fixture *f = calloc(1, sizeof(*f));
    char text[400], folder[256];
    strcpy(f->state_dir, "/tmp/hilum-receive-XXXXXX");
    if (!mkdtemp(f->state_dir))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        in_state(f, folders[i], folder);
        file_make_folder(folder, NULL);
    }
    snprintf(f->conf_path, sizeof(f->conf_path), "%s/hilum.conf", f->state_dir);
    snprintf(
        text, sizeof(text),
        "node = { port = %d; state_dir = \"%s\" }\n"
        "receive = { receivers = 1; associations_max = 2; spool_free_bytes_min = 0 }\n",
        free_port(), f->state_dir);
    file_write(f->conf_path, text, strlen(text), NULL);
    f->child_arguments[0] = f->conf_path;
    f->child_arguments[1] = f->state_dir;
    *state = f;
    return conf_read(f->conf_path, &f->conf, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    receive_destroy(f->receive);
    loop_destroy(f->loop);
    conf_destroy(f->conf);
    const int r = file_remove_tree(f->state_dir, NULL);
    free(f);
    return r;
}

/* ---- sending ---- */

/* A file to send: instance number i of that study. */
static void make_file(struct fixture *f, int study, int i)
{
    struct part10 p;
    char uid[40];
    p10_begin(&p, EXPLICIT_LE);
    p10_text(&p, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    snprintf(uid, sizeof(uid), "1.2.3.4.%d", i);
    p10_text(&p, 0x00080018, "UI", uid);
    snprintf(uid, sizeof(uid), "1.2.3.%d", study);
    p10_text(&p, 0x0020000d, "UI", uid);
    p10_text(&p, 0x0020000e, "UI", "1.2.3.1");
    p10_image(&p);
    char name[40], path[256];
    snprintf(name, sizeof(name), "sent/%d-%d", study, i);
    in_state(f, name, path);
    strcpy(f->paths[f->count++], path);
    assert_int_equal(file_write(path, p.data, p.size, NULL), 0);
    p10_finish(&p);
}

static bool was_sent(void *ctx, size_t index, const struct dcm_send_outcome *outcome)
{
    struct fixture *f = ctx;
    (void)index;
    f->ok += outcome->fault == DCM_SEND_OK;
    f->last = *outcome;
    return true;
}

static void stop(void *ctx)
{
    loop_stop(((struct fixture *)ctx)->loop);
}

static void *send_all(void *ctx)
{
    struct fixture *f = ctx;
    const char *paths[FILES_MAX];
    const struct dcm_destination to = {
        "127.0.0.1", (uint16_t)f->conf->port, "HILUM", "TEST", 5, 5, 131072, NULL};
    for (size_t i = 0; i < f->count; i++)
        paths[i] = f->paths[i];
    dcm_send(&to, paths, f->count, was_sent, f, NULL);
    loop_post(f->loop, stop, f);
    return NULL;
}

/* Send the files while the loop runs. */
static void send_files(struct fixture *f)
{
    pthread_t thread;
    f->ok = 0;
    pthread_create(&thread, NULL, send_all, f);
    loop_run(f->loop);
    pthread_join(thread, NULL);
}

static void storage_path(const struct fixture *f, int i, char ret[256])
{
    char uid[40], below[STORAGE_PATH], name[100];
    snprintf(uid, sizeof(uid), "1.2.3.4.%d", i);
    protocol_storage_path(uid, below);
    snprintf(name, sizeof(name), "storage/%s", below);
    in_state(f, name, ret);
}

static void got_study(void *ctx, const struct err *err, const struct study_facts *study)
{
    struct fixture *f = ctx;
    assert_int_equal(err->code, 0);
    strcpy(f->study_uid, study->uid);
    loop_stop(f->loop);
}

static const char *indexed_study(struct fixture *f)
{
    store_study_facts(f->store, f->study_id, got_study, f);
    loop_run(f->loop);
    return f->study_uid;
}

/* ---- tests ---- */

static void keeps_and_indexes_what_it_answers_with_success(void **state)
{
    struct fixture *f = *state;
    open_node(f);
    for (int i = 0; i < 20; i++)
        make_file(f, 1, i);
    send_files(f);
    assert_int_equal(f->ok, 20);
    assert_int_equal(f->stored, 20);
    assert_int_equal(f->duplicates, 0);
    for (int i = 0; i < 20; i++) {
        char path[256], *kept, *sent;
        size_t kept_size, sent_size;
        storage_path(f, i, path);
        assert_int_equal(file_read(path, 10000, &kept, &kept_size, NULL), 0);
        assert_int_equal(file_read(f->paths[i], 10000, &sent, &sent_size, NULL), 0);
        const size_t head = 132 + 8 + 20; // of the sent file: preamble and one element
        assert_memory_equal(kept + kept_size - (sent_size - head), sent + head,
                            sent_size - head);
        free(kept);
        free(sent);
    }
}

static void changes_nothing_on_a_duplicate(void **state)
{
    struct fixture *f = *state;
    char path[256], *before, *after;
    size_t size_before, size_after;
    open_node(f);
    make_file(f, 1, 1);
    send_files(f);
    storage_path(f, 1, path);
    assert_int_equal(file_read(path, 10000, &before, &size_before, NULL), 0);

    f->count = 0;
    make_file(f, 2, 1); // the same instance, said to be of another study
    send_files(f);

    assert_int_equal(f->ok, 1);
    assert_int_equal(f->duplicates, 1);
    assert_int_equal(file_read(path, 10000, &after, &size_after, NULL), 0);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_after);
    assert_string_equal(indexed_study(f), "1.2.3.1");
    free(before);
    free(after);
}

static void indexes_the_file_that_lies_there_not_the_one_that_came(void **state)
{
    struct fixture *f = *state;
    char path[256], folder[256], index[256];
    open_node(f);
    make_file(f, 1, 1);
    send_files(f);

    // As a receiver leaves it that is killed before the index has answered.
    store_close(f->store);
    receive_destroy(f->receive);
    loop_destroy(f->loop);
    in_state(f, "index.db", index);
    unlink(index);
    f->count = 0;
    make_file(f, 2, 1);
    open_node(f);
    send_files(f);
    assert_int_equal(f->ok, 1);
    assert_string_equal(indexed_study(f), "1.2.3.1");

    // And a first one that is not whole is replaced.
    in_state(f, "storage", folder);
    storage_path(f, 7, path);
    assert_int_equal(file_write(path, "half", 4, NULL), 0);
    f->count = 0;
    make_file(f, 3, 7);
    send_files(f);
    assert_int_equal(f->ok, 1);
    assert_string_equal(indexed_study(f), "1.2.3.3");
}

static void drops_what_killed_receivers_left_in_the_spool(void **state)
{
    struct fixture *f = *state;
    char dead[256], alive[256], name[64];
    in_state(f, "spool/4194305-0.tmp", dead); // larger than any process id
    snprintf(name, sizeof(name), "spool/%d-0.tmp", (int)getpid());
    in_state(f, name, alive);
    file_write(dead, "x", 1, NULL);
    file_write(alive, "x", 1, NULL);
    open_node(f);
    make_file(f, 1, 1);
    send_files(f);
    assert_int_equal(f->ok, 1);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(access(alive, F_OK), 0);
}

static int connect_to(const struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->conf->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void *read_rejection(void *ctx)
{
    struct fixture *f = ctx;
    uint8_t got[16] = {0};
    for (int i = 0; i < 3; i++) {
        f->peers[i] = connect_to(f);
        usleep(20000); // in this order
    }
    static const uint8_t reject[] = {3, 0, 0, 0, 0, 4, 0, 2, 3, 1};
    f->ok = recv(f->peers[2], got, sizeof(got), MSG_WAITALL) == 10
            && memcmp(got, reject, sizeof(reject)) == 0;
    loop_post(f->loop, stop, f);
    return NULL;
}

static void rejects_as_transient_what_is_too_many(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    open_node(f);
    pthread_create(&thread, NULL, read_rejection, f);
    loop_run(f->loop);
    pthread_join(thread, NULL);
    assert_int_equal(f->ok, 1);
    auto_(js) struct js *status = receive_status(f->receive);
    assert_int_equal(js_get_int(status, "rejected_total"), 1);
    // Only now: an association that ends before it was admitted counts as rejected, too.
    for (int i = 0; i < 3; i++)
        close(f->peers[i]);
}

static void *knock(void *ctx)
{
    struct fixture *f = ctx;
    uint8_t byte;
    const int fd = connect_to(f);
    f->ok = recv(fd, &byte, 1, 0) == 0; // the hostile child has closed it
    close(fd);
    usleep(50000);
    loop_post(f->loop, stop, f);
    return NULL;
}

static void believes_no_path_of_a_receiver_that_was_taken_over(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    f->child_arguments[0] = "hostile";
    open_node(f);
    pthread_create(&thread, NULL, knock, f);
    loop_run(f->loop);
    pthread_join(thread, NULL);
    assert_int_equal(f->ok, 1);
    assert_int_equal(f->stored, 0);
    auto_(js) struct js *status = receive_status(f->receive);
    assert_int_equal(js_get_int(status, "stored_total"), 0);
    assert_int_equal(js_get_int(status, "bytes_total"), 7); // it got A700 and said so
    assert_int_equal(receive_active(f->receive), 0);
}

static void says_that_its_port_is_taken(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct receive *second = NULL;
    const struct receive_hooks hooks = {stored, f};
    open_node(f);
    assert_int_equal(receive_create(f->loop, f->conf, f->store, f->child_arguments,
                                    &hooks, &second, &err),
                     ERR_IO);
    assert_non_null(strstr(err.text, "listen on 127.0.0.1 port"));
    assert_null(second);
}

/* ---- the child processes ---- */

/* Asks the node to index /etc/passwd, and tells with 7 bytes that it was refused. */
static int hostile_receiver(void)
{
    static struct instance_facts facts = {.sop_uid = "1.2.3", .series_uid = "1.2.3"};
    struct msg msg;
    int fd = -1;
    if (msg_read(CHILD_FD, &msg, &fd) != 1)
        return 1;
    msg_finish(&msg);
    memset(&facts.plane.is_valid, 0xff, 1);
    msg_init(&msg, STORE_INSTANCE);
    msg_put_bytes(&msg, &facts, sizeof(facts));
    msg_put_text(&msg, "../../../../etc/passwd");
    msg_put_i64(&msg, -1);
    msg_put_text(&msg, "\x1b[31m\"AE\n");
    msg_write(CHILD_FD, &msg, -1);
    msg_finish(&msg);
    const bool is_refused =
        msg_read(CHILD_FD, &msg, NULL) == 1 && msg_get_u32(&msg) == 0xA700;
    msg_finish(&msg);
    msg_init(&msg, ASSOCIATION_ENDED);
    for (int i = 0; i < 5; i++)
        msg_put_u32(&msg, 1);
    msg_put_i64(&msg, is_refused ? 7 : 0);
    msg_put_text(&msg, "\x1b[31m\" forged=1\n");
    msg_write(CHILD_FD, &msg, -1);
    msg_finish(&msg);
    close(fd);
    return msg_read(CHILD_FD, &msg, NULL) == 0 ? 0 : 1;
}

static int child(char **argv)
{
    struct conf *conf = NULL;
    if (strcmp(argv[0], "hostile") == 0)
        return hostile_receiver();
    if (conf_read(argv[0], &conf, NULL) < 0)
        return 1;
    const int r = receiver_main(conf);
    conf_destroy(conf);
    return r;
}

int main(int argc, char **argv)
{
    dcm_init();
    if (argc == 4 && strcmp(argv[1], "--child=receiver") == 0)
        return child(argv + 2);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keeps_and_indexes_what_it_answers_with_success),
        TEST(changes_nothing_on_a_duplicate),
        TEST(indexes_the_file_that_lies_there_not_the_one_that_came),
        TEST(drops_what_killed_receivers_left_in_the_spool),
        TEST(rejects_as_transient_what_is_too_many),
        TEST(believes_no_path_of_a_receiver_that_was_taken_over),
        TEST(says_that_its_port_is_taken),
    };
    const int r = cmocka_run_group_tests_name("receive", tests, NULL, NULL);
    dcm_finish();
    return r;
}
