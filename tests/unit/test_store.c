#include "tests/unit/test.h"

#include "base/js.h"
#include "src/loop.h"
#include "src/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char folder[64], path[96];
    struct loop *loop;
    struct store *store;
    /* of the last answer */
    int code;
    struct store_added added;
    int64_t jobs[8], deliveries[16];
    size_t job_count, delivery_count, count;
    char supersedes[64], text[20000];
    struct series_facts series;
    size_t series_count;
};

static void open_store(struct fixture *f)
{
    struct err err = {0};
    assert_int_equal(loop_create(&f->loop, &err), 0);
    if (store_open(f->path, f->loop, &f->store, &err) != 0)
        fail_msg("%s", err.text);
}

static void close_store(struct fixture *f)
{
    store_close(f->store);
    loop_destroy(f->loop);
    f->store = NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->folder, "/tmp/hilum-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/index.db", f->folder);
    open_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", f->folder);
    const int r = system(command);
    free(f);
    return r;
}

/* ---- requests, waited for ---- */

static void done(void *ctx, const struct err *err)
{
    struct fixture *f = ctx;
    f->code = err->code;
    loop_stop(f->loop);
}

static void was_added(void *ctx, const struct err *err, const struct store_added *added)
{
    struct fixture *f = ctx;
    f->added = *added;
    done(f, err);
}

static struct instance_facts facts_of(int study, int series, int instance)
{
    struct instance_facts facts = {.series_number = series, .echo_time_ms = 0};
    snprintf(facts.sop_uid, FACTS_UID, "1.2.%d.%d.%d", study, series, instance);
    snprintf(facts.series_uid, FACTS_UID, "1.2.%d.%d", study, series);
    snprintf(facts.study_uid, FACTS_UID, "1.2.%d", study);
    strcpy(facts.sop_class, "1.2.840.10008.5.1.4.1.1.2");
    strcpy(facts.modality, "CT");
    strcpy(facts.patient.name, "SECRET^NAME");
    strcpy(facts.patient.id, "SECRETID");
    facts.pixels.rows = facts.pixels.columns = 512;
    facts.plane = (struct plane_facts){
        true, {0, 0, 5.0 * (instance % 16)}, {1, 0, 0, 0, 1, 0}, {1, 1}, 5};
    facts.stack =
        (struct stack_facts){1, 1, 5.0 * (instance % 16), 5.0 * (instance % 16)};
    return facts;
}

static void add(struct fixture *f, int study, int series, int instance)
{
    const struct instance_facts facts = facts_of(study, series, instance);
    char path[64];
    snprintf(path, sizeof(path), "%d/%d/%d.dcm", study, series, instance);
    store_add_instance(f->store, &facts, path, 1000, "CT1", was_added, f);
    loop_run(f->loop);
}

static int64_t close_with_job(struct fixture *f, int64_t study, int64_t series)
{
    const char *destination = "pacs";
    char seed[32];
    snprintf(seed, sizeof(seed), "seed%zu", f->count++);
    const struct store_new_job job = {"ct_perfusion", "stroke",     "wanted", &series, 1,
                                      seed,           &destination, 1,        5};
    store_close_study(f->store, study, &job, 1, "ct_perfusion", done, f);
    loop_run(f->loop);
    return study;
}

static void got_jobs(void *ctx, const struct err *err, const struct store_job *jobs,
                     size_t count)
{
    struct fixture *f = ctx;
    f->job_count = count;
    f->supersedes[0] = '\0';
    for (size_t i = 0; i < count && i < 8; i++) {
        f->jobs[i] = jobs[i].id;
        assert_int_equal(jobs[i].series_count, 1);
        assert_string_equal(jobs[i].destinations[0], "pacs");
        if (jobs[i].supersedes_seed)
            snprintf(f->supersedes, sizeof(f->supersedes), "%s", jobs[i].supersedes_seed);
    }
    done(f, err);
}

static void queued(struct fixture *f)
{
    store_queued_jobs(f->store, got_jobs, f);
    loop_run(f->loop);
}

static void got_deliveries(void *ctx, const struct err *err,
                           const struct store_delivery *deliveries, size_t count)
{
    struct fixture *f = ctx;
    f->delivery_count = count;
    for (size_t i = 0; i < count && i < 16; i++)
        f->deliveries[i] = deliveries[i].id;
    done(f, err);
}

static void pending(struct fixture *f)
{
    store_due_deliveries(f->store, "pacs", INT64_MAX, 100, got_deliveries, f);
    loop_run(f->loop);
}

static void set_job(struct fixture *f, int64_t job, enum job_state state)
{
    store_set_job(f->store, job, state, "", done, f);
    loop_run(f->loop);
    assert_int_equal(f->code, 0);
}

/* A study of one image with a job that runs. */
static int64_t one_job(struct fixture *f)
{
    add(f, 1, 1, 1);
    close_with_job(f, f->added.study_id, f->added.series_id);
    queued(f);
    set_job(f, f->jobs[0], JOB_RUNNING);
    return f->jobs[0];
}

static void add_results(struct fixture *f, int64_t job)
{
    static const struct store_object OBJECTS[] = {{"seg", "1/seg.dcm", "1.2.3", "1.2"},
                                                  {"sr", "1/sr.dcm", "1.2.4", "1.2"}};
    store_add_results(f->store, job, OBJECTS, 2, JOB_DONE, "", done, f);
    loop_run(f->loop);
    assert_int_equal(f->code, 0);
}

static void set_delivery(struct fixture *f, int64_t id, enum delivery_state state)
{
    store_set_delivery(f->store, id, state, 0, state == DELIVERY_DEAD ? "refused" : "",
                       done, f);
    loop_run(f->loop);
    assert_int_equal(f->code, 0);
}

static void got_status(void *ctx, const struct err *err, struct js *status)
{
    struct fixture *f = ctx;
    char *text = NULL;
    assert_int_equal(js_write(status, false, &text, NULL), 0);
    snprintf(f->text, sizeof(f->text), "%s", text);
    free(text);
    done(f, err);
}

static const char *status(struct fixture *f)
{
    store_status(f->store, 50, got_status, f);
    loop_run(f->loop);
    return f->text;
}

/* ---- tests ---- */

static void changes_nothing_on_a_repeated_instance(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 1);
    assert_int_equal(f->code, 0);
    assert_false(f->added.is_duplicate);
    const struct store_added first = f->added;

    add(f, 1, 1, 1);

    assert_int_equal(f->code, 0);
    assert_true(f->added.is_duplicate);
    assert_int_equal(f->added.study_id, first.study_id);
    assert_int_equal(f->added.series_id, first.series_id);
    assert_non_null(strstr(status(f), "\"instances\":1"));
}

static void got_facts(void *ctx, const struct err *err, const struct study_facts *study)
{
    struct fixture *f = ctx;
    f->series_count = study->series_count;
    f->series = study->series[0];
    done(f, err);
}

static void counts_slices_by_their_place(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 48; i++)
        add(f, 1, 4, i);

    store_study_facts(f->store, f->added.study_id, got_facts, f);
    loop_run(f->loop);

    assert_int_equal(f->series_count, 1);
    assert_int_equal(f->series.frames, 48);
    assert_int_equal(f->series.positions, 16);
    assert_true(f->series.first_mm == 0.0 && f->series.last_mm == 75.0);
    assert_string_equal(f->series.modality, "CT");
}

static void counts_the_frames_and_places_of_enhanced_objects(void **state)
{
    struct fixture *f = *state;
    for (int t = 0; t < 3; t++) { // one object a time
        struct instance_facts facts = facts_of(2, 5, t);
        strcpy(facts.sop_class, "1.2.840.10008.5.1.4.1.1.2.1");
        facts.pixels.frames = 16;
        facts.stack = (struct stack_facts){16, 16, -20.0, 55.0};
        char path[64];
        snprintf(path, sizeof(path), "2/5/%d.dcm", t);
        store_add_instance(f->store, &facts, path, 1000, "CT1", was_added, f);
        loop_run(f->loop);
    }

    store_study_facts(f->store, f->added.study_id, got_facts, f);
    loop_run(f->loop);

    assert_int_equal(f->series.frames, 48);
    assert_int_equal(f->series.positions, 16);
    assert_true(f->series.first_mm == -20.0 && f->series.last_mm == 55.0);
}

static void makes_a_job_once_and_supersedes_it_when_images_come_late(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 1);
    const struct store_added first = f->added;
    close_with_job(f, first.study_id, first.series_id);
    close_with_job(f, first.study_id, first.series_id);
    queued(f);
    assert_int_equal(f->job_count, 1);
    const int64_t job = f->jobs[0];
    set_job(f, job, JOB_RUNNING);
    add_results(f, job);

    add(f, 1, 1, 2);
    close_with_job(f, first.study_id, first.series_id);

    queued(f);
    assert_int_equal(f->job_count, 1);
    assert_int_not_equal(f->jobs[0], job);
    assert_string_equal(f->supersedes, "seed0");
}

static void ends_a_job_when_its_last_delivery_does(void **state)
{
    struct fixture *f = *state;
    const int64_t job = one_job(f);
    add_results(f, job);
    add_results(f, job); // twice is once
    pending(f);
    assert_int_equal(f->delivery_count, 2);

    set_delivery(f, f->deliveries[0], DELIVERY_SENT);
    assert_non_null(strstr(status(f), "\"jobs_sending\":1"));
    set_delivery(f, f->deliveries[1], DELIVERY_DEAD);
    assert_non_null(strstr(status(f), "not delivered to pacs: refused"));
}

static void was_replayed(void *ctx, const struct err *err, size_t count)
{
    struct fixture *f = ctx;
    f->count = count;
    done(f, err);
}

static void replays_what_is_dead(void **state)
{
    struct fixture *f = *state;
    const int64_t job = one_job(f);
    add_results(f, job);
    pending(f);
    set_delivery(f, f->deliveries[0], DELIVERY_SENT);
    set_delivery(f, f->deliveries[1], DELIVERY_DEAD);
    const int64_t dead = f->deliveries[1];

    store_replay(f->store, job, was_replayed, f);
    loop_run(f->loop);
    assert_int_equal(f->count, 1);
    pending(f);
    assert_int_equal(f->delivery_count, 1);
    assert_int_equal(f->deliveries[0], dead);

    set_delivery(f, dead, DELIVERY_SENT);
    assert_non_null(strstr(status(f), "\"jobs_done\":1"));
}

static void waits_until_the_next_try_is_due(void **state)
{
    struct fixture *f = *state;
    const int64_t job = one_job(f);
    add_results(f, job);
    pending(f);
    store_set_delivery(f->store, f->deliveries[0], DELIVERY_PENDING, 5000, "busy", done,
                       f);
    loop_run(f->loop);
    static const struct {
        const char *destination;
        int64_t now_s;
        size_t limit, expect;
    } cases[] = {
        {"pacs", 4999, 100, 1},  // the other is due at once
        {"pacs", 5000, 100, 2},  //
        {"pacs", 5000, 1, 1},    // no more than asked for
        {"other", 5000, 100, 0}, // another's queue
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store_due_deliveries(f->store, cases[i].destination, cases[i].now_s,
                             cases[i].limit, got_deliveries, f);
        loop_run(f->loop);
        assert_int_equal(f->delivery_count, cases[i].expect);
    }
}

static void buries_what_waits_for_a_destination_that_is_gone(void **state)
{
    struct fixture *f = *state;
    static const char *const KEPT[] = {"elsewhere", "pacs"};
    add_results(f, one_job(f));

    store_keep_destinations(f->store, KEPT, 2, done, f);
    loop_run(f->loop);
    pending(f);
    assert_int_equal(f->delivery_count, 2);

    store_keep_destinations(f->store, KEPT, 1, done, f);
    loop_run(f->loop);
    pending(f);
    assert_int_equal(f->delivery_count, 0);
    assert_non_null(strstr(status(f), "\"jobs_failed\":1"));
    assert_non_null(strstr(status(f), "no longer has this destination"));
}

static void queues_a_running_job_again_after_a_crash(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 1);
    close_with_job(f, f->added.study_id, f->added.series_id);
    queued(f);
    set_job(f, f->jobs[0], JOB_RUNNING);

    close_store(f);
    open_store(f);

    queued(f);
    assert_int_equal(f->job_count, 1);
    assert_non_null(strstr(status(f), "\"attempts\":0"));
}

static void says_nothing_of_the_patient(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 1);
    close_with_job(f, f->added.study_id, f->added.series_id);
    assert_null(strstr(status(f), "SECRET"));
    assert_null(strstr(f->text, "1.2.1"));
}

/* A child adds and tells each answered one over a pipe until it is killed; afterwards all
 * that it told must be there. */
static void add_until_killed(const char *path, int fd)
{
    struct fixture f = {0};
    snprintf(f.path, sizeof(f.path), "%s", path);
    open_store(&f);
    for (int i = 0;; i++) {
        add(&f, 7, 1, i);
        if (f.code == 0 && write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

static void keeps_what_it_answered_when_killed(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    for (int round = 0; round < 5; round++) {
        int fds[2], last = -1, i;
        assert_int_equal(pipe(fds), 0);
        const pid_t child = fork();
        if (child == 0)
            add_until_killed(f->path, fds[1]);
        close(fds[1]);
        usleep((useconds_t)(50000 + 30000 * round));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(fds[0], &i, sizeof(i)) == sizeof(i))
            last = i;
        close(fds[0]);

        open_store(f);
        for (i = 0; i <= last; i++) {
            char path[64];
            snprintf(path, sizeof(path), "7/1/%d.dcm", i);
            assert_true(store_has_path(f->store, path));
        }
        close_store(f);
    }
    open_store(f);
}

static void answers_a_full_disk_and_goes_on_when_space_is_back(void **state)
{
    struct fixture *f = *state;
    const struct rlimit small = {64 << 10, RLIM_INFINITY};
    const struct rlimit large = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 200 && f->code == 0; i++)
        add(f, 1, 1, i);
    assert_true(f->code < 0);

    setrlimit(RLIMIT_FSIZE, &large);
    add(f, 1, 1, 500);
    assert_int_equal(f->code, 0);
    assert_false(f->added.is_duplicate);
}

static void refuses_an_index_of_a_newer_program(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    char command[200];
    snprintf(command, sizeof(command), "sqlite3 %s 'PRAGMA user_version = 99'", f->path);
    assert_int_equal(system(command), 0);

    struct err err = {0};
    assert_int_equal(loop_create(&f->loop, NULL), 0);
    assert_int_equal(store_open(f->path, f->loop, &f->store, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "version 99"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_nothing_on_a_repeated_instance, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(counts_slices_by_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_the_frames_and_places_of_enhanced_objects,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            makes_a_job_once_and_supersedes_it_when_images_come_late, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_a_job_when_its_last_delivery_does, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(replays_what_is_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_until_the_next_try_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(buries_what_waits_for_a_destination_that_is_gone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(queues_a_running_job_again_after_a_crash, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(says_nothing_of_the_patient, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_what_it_answered_when_killed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            answers_a_full_disk_and_goes_on_when_space_is_back, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_an_index_of_a_newer_program, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
