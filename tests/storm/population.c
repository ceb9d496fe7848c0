/* population.c - makes, starts and stops the terminals of a run. */
#include "population.h"

#include <stdio.h>

#include "storm.h"

#define END_MS 20000
#define HANDSHAKE_LIMIT_MS 30000

void population_address(size_t number, char out[32])
{
    size_t place = number + 1;

    /* 250 values of the last byte: neither .0 nor .255, which some programs refuse. */
    (void)snprintf(out, 32, "127.%zu.%zu.%zu", 1 + place / 62500, place / 250 % 250,
                   1 + place % 250);
}

void population_init(struct population *population, struct storm *storm, size_t count)
{
    *population = (struct population){ .storm = storm, .count = count };
    population->terminals = berth_new_array(struct terminal, count);
    population->kiosks = berth_new_array(uint64_t, count);
    population->people = berth_new_array(uint64_t, count);
    keyring_init(&population->keyring, count);
    population->lean = (struct lean_group){ .loop = &storm->loop,
                                            .random = &storm->random,
                                            .events = &terminal_lean_events,
                                            .handshake_ms = HANDSHAKE_LIMIT_MS };
    for (size_t i = 0; i < count; i++) {
        struct terminal *terminal = &population->terminals[i];

        terminal->population = population;
        terminal->number = i;
        terminal->lean.group = &population->lean;
        terminal_name(i, terminal->lean.name);
        population_address(i, terminal->lean.source);
    }
}

int population_ready(struct population *population, struct berth_error *reterr)
{
    population->context = tls_context(
        &(struct tls_setup){
            .side = TLS_CLIENT, .authority = population->keyring.authority, .alpn = "berth/1" },
        reterr);
    return population->context ? 0 : BERTH_E_CERTIFICATE;
}

static bool all_closed(struct storm *storm)
{
    const struct population *population = &storm->population;

    return population->connecting == 0 && population->connected == 0;
}

void population_end(struct population *population)
{
    struct storm *storm = population->storm;

    if (!storm)
        return;
    for (size_t i = 0; i < population->count; i++)
        terminal_off(&population->terminals[i]);
    for (int64_t limit_us = storm_now_us() + END_MS * INT64_C(1000);
         !all_closed(storm) && storm_now_us() < limit_us;)
        loop_turn(&storm->loop, 20);
    SSL_CTX_free(population->context);
    keyring_free(&population->keyring);
    free(population->kiosks);
    free(population->people);
    free(population->terminals);
}
