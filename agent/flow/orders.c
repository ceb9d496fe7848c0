/* orders.c - see orders.h. */
#include "flow/orders.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/texts.h"
#include "flow/bundle.h"
#include "flow/showing.h"

static struct msg_command_state *known(struct orders *orders, uint64_t command_id)
{
    for (size_t i = 0; i < ORDERS_REMEMBERED; i++)
        if (orders->known[i].command_id == command_id)
            return &orders->known[i];
    return NULL;
}

/* Note how far a command is and tell the broker. */
static void answer(struct station *station, uint64_t command_id, enum command_state state,
                   const char *text)
{
    struct orders *orders = &station->orders;
    struct msg_command_state *row = known(orders, command_id);
    struct msg msg;

    if (!row)
        row = &orders->known[orders->next++ % ORDERS_REMEMBERED];
    *row = (struct msg_command_state){ .command_id = command_id, .state = state };
    (void)snprintf(row->text, sizeof(row->text), "%.199s", text);
    log_event(EV_COMMAND_STATE, "command", command_id, "state", command_state_names[state], "text",
              text);
    station_message(station, &msg, MSG_command_state);
    msg.command_state = *row;
    (void)station_send(station, &msg);
}

void orders_ended(struct station *station, uint64_t command_id, const struct berth_error *error,
                  const char *text)
{
    if (error && error->code)
        answer(station, command_id, command_FAILED, error->text);
    else
        answer(station, command_id, command_DONE, text);
}

static void reboot_done(struct op *op, int result)
{
    struct orders *orders = container_of(op, struct orders, reboot);
    struct station *station = container_of(orders, struct station, orders);

    orders_ended(station, orders->reboot_id, result < 0 ? &op->error : NULL,
                 "the command that starts the terminal anew was run");
}

void orders_init(struct station *station)
{
    op_init(&station->orders.reboot, station->timers, reboot_done);
}

void orders_stop(struct station *station)
{
    op_cancel(&station->orders.reboot);
}

static void reboot(struct station *station, uint64_t command_id)
{
    struct orders *orders = &station->orders;

    if (orders->reboot.in_flight) {
        answer(station, command_id, command_FAILED, "the terminal is starting anew already");
        return;
    }
    orders->reboot_id = command_id;
    if (device_reboot_begin(station->device, &orders->reboot) < 0)
        orders_ended(station, command_id, &orders->reboot.error, "");
}

static void show_message(struct station *station, const struct msg_command *command)
{
    struct page page;

    terminal_status_page(&station->terminal, &station->settings, &page);
    page.kind = page_kind_BANNER;
    (void)snprintf(page.title, sizeof(page.title), "%s",
                   text_in(station->settings.language, TEXT_MESSAGE));
    (void)snprintf(page.text, sizeof(page.text), "%s", command->text);
    if (!screen_is_there(station->screen)) {
        answer(station, command->command_id, command_FAILED, "the terminal has no screen");
        return;
    }
    (void)screen_show(station->screen, &page);
    answer(station, command->command_id, command_DONE, "the message is on the screen");
}

void orders_take(struct station *station, const struct msg *msg)
{
    const struct msg_command *command = &msg->command;
    const struct msg_command_state *before = known(&station->orders, command->command_id);

    if (command->command_id == 0)
        return;
    if (before) {
        answer(station, command->command_id, before->state, before->text);
        return;
    }
    answer(station, command->command_id, command_ACKED, "");
    switch (command->kind) {
    case command_kind_MESSAGE:
        show_message(station, command);
        return;
    case command_kind_LOCK:
        showing_lock(station, "an administrator locked it");
        answer(station, command->command_id, command_DONE, "the screen is blank");
        return;
    case command_kind_REBOOT:
        reboot(station, command->command_id);
        return;
    case command_kind_LOGS:
        bundle_begin(station, command->command_id);
        return;
    case command_kind_NONE:
    case command_kind_END:
        answer(station, command->command_id, command_FAILED,
               "this agent does not know the command");
        return;
    }
}
